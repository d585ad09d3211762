"""Quotas of running vCPUs, which moto neither tells nor keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from moto.ec2.models.instance_types import INSTANCE_TYPES

from cloudclusters.testing.bed.calls import Answer, Call, failure
from cloudclusters.testing.bed.instances import Instances

_JSON = "application/x-amz-json-1.1"
_STANDARD = re.compile(r"(?!trn|inf|dl|mac|hpc)[acdhimrtz]")
_NAMES: Mapping[str, str] = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-417A185B": "Running On-Demand P instances",
}


@dataclass(slots=True)
class Quotas:
    """vCPUs by quota code; only standard instances, on demand and spot, are held to theirs."""

    instances: Instances
    values: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_NAMES, 1152.0))

    def clear(self) -> None:
        """All quotas are large again."""
        self.values = dict.fromkeys(_NAMES, 1152.0)

    def answer(self, call: Call, body: bytes) -> Answer | None:
        """GetServiceQuota and ListServiceQuotas; None for everything else."""
        asked = json.loads(body or b"{}")
        if call.action == "ListServiceQuotas" and asked.get("ServiceCode") == "ec2":
            return _json({"Quotas": [self._row(code) for code in self.values]})
        if call.action == "GetServiceQuota" and asked.get("QuotaCode") in self.values:
            return _json({"Quota": self._row(asked["QuotaCode"])})
        return None

    def exceeded(self, call: Call, kind: str, count: int) -> Answer | None:
        """The error for a launch of that many, if the quota of its market does not allow it."""
        spot = call.parameters.get("InstanceMarketOptions.MarketType") == "spot"
        if not _STANDARD.match(kind):
            return None
        limit = self.values["L-34B43A08" if spot else "L-1216C47A"]
        here = [life.instance for life in self.instances.living() if life.state in ("pending", "running")]
        alike = [i for i in here if i.region_name == call.region and (i.lifecycle == "spot") == spot]
        used = sum(_cores(str(i.instance_type)) for i in alike if _STANDARD.match(str(i.instance_type)))
        if used + count * _cores(kind) <= limit:
            return None
        if spot:
            return failure(call, "MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        text = f"You have requested more vCPU capacity than your current vCPU limit of {limit:.0f} allows"
        return failure(call, "VcpuLimitExceeded", f"{text} for the instance bucket that the instance type belongs to.")

    def _row(self, code: str) -> Mapping[str, object]:
        value = self.values[code]
        names = {"ServiceCode": "ec2", "QuotaCode": code, "QuotaName": _NAMES[code]}
        return {**names, "Value": value, "Unit": "None", "Adjustable": True, "GlobalQuota": False}


def _cores(kind: str) -> int:
    return int(INSTANCE_TYPES[kind]["VCpuInfo"]["DefaultVCpus"])


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode(), _JSON)
