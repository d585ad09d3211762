"""The account's limits of vCPUs: which one a launch falls under, looked up before it and named after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cloudclusters.base.cloud import Market
from cloudclusters.errors import ProviderError, QuotaExceeded
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.errors import code_of
from cloudclusters.provider.ec2.shapes import Quota, ServiceQuota

_STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"
_FAMILIES: Mapping[str, str] = {
    "g": "G and VT",
    "gr": "G and VT",
    "vt": "G and VT",
    "p": "P",
    "f": "F",
    "x": "X",
    "inf": "Inf",
    "trn": "Trn",
    "dl": "DL",
    "u": "High Memory",
    "hpc": "HPC",
}
CODES: Mapping[tuple[str, Market], str] = {
    (_STANDARD, Market.ON_DEMAND): "L-1216C47A",
    ("G and VT", Market.ON_DEMAND): "L-DB2E81BA",
    ("P", Market.ON_DEMAND): "L-417A185B",
    ("F", Market.ON_DEMAND): "L-74FC7D96",
    ("X", Market.ON_DEMAND): "L-7295265B",
    ("Inf", Market.ON_DEMAND): "L-1945791B",
    ("Trn", Market.ON_DEMAND): "L-2C3B7624",
    ("DL", Market.ON_DEMAND): "L-6E869C2A",
    ("High Memory", Market.ON_DEMAND): "L-43DA4232",
    ("HPC", Market.ON_DEMAND): "L-F7808C92",
    (_STANDARD, Market.SPOT): "L-34B43A08",
    ("G and VT", Market.SPOT): "L-3819A6DF",
    ("P", Market.SPOT): "L-7212CCBC",
    ("F", Market.SPOT): "L-88CF9481",
    ("X", Market.SPOT): "L-E3A00192",
    ("Inf", Market.SPOT): "L-B5D1601B",
    ("Trn", Market.SPOT): "L-6B0D517C",
    ("DL", Market.SPOT): "L-85EED4F7",
}
"""AWS' codes of the quotas, by family and market."""
_TOLD = ("VcpuLimitExceeded", "MaxSpotInstanceCountExceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a launch needs of a quota."""

    instance_type: str
    market: Market
    vcpus: int
    """Of all its machines together."""

    @property
    def family(self) -> str:
        """AWS' word for the types that share the quota."""
        letters = re.match(r"[a-z]+", self.instance_type)
        return _FAMILIES.get(letters.group() if letters else "", _STANDARD)

    @property
    def code(self) -> str:
        """The quota's code; empty where we know none."""
        return CODES.get((self.family, self.market), "")


def read_quota(account: Account, region: str, need: Need) -> Quota | None:
    """The quota that a launch falls under; None where it cannot be told: the launch itself will."""
    if not need.code:
        return None
    said = {"ServiceCode": "ec2", "QuotaCode": need.code}
    try:
        return account.ask(region, "service-quotas:get_service_quota", ServiceQuota, **said).quota
    except ProviderError:  # not permitted, or not answered: the launch tells what is wrong
        return None


def check_quota(quota: Quota | None, need: Need, region: str) -> None:
    """Raise `QuotaExceeded` for a launch that is too large even for an empty account."""
    if quota is not None and need.vcpus > quota.value:
        raise _exceeded(
            f"{need.vcpus} vCPUs of {need.instance_type} are more than {region} allows", quota, need, region
        )


def enriched(error: QuotaExceeded, quota: Quota | None, need: Need, region: str) -> QuotaExceeded:
    """The refusal of a launch with the quota's name, code and value."""
    return _exceeded(error.message, quota, need, region) if code_of(error) in _TOLD else error


def _exceeded(text: str, quota: Quota | None, need: Need, region: str) -> QuotaExceeded:
    if quota is not None:
        about = f"the quota {quota.quota_name!r} ({quota.quota_code}) is {quota.value:g} vCPUs"
    else:
        about = f"the quota of {need.family} instances, {need.market} ({need.code or 'code unknown'}), cannot be read"
    code = f" {need.code}" if need.code else ""
    return QuotaExceeded(
        f"{text}: {about}, and this launch needs {need.vcpus} beside what runs already",
        hint=f"ask for more of{code} in {region} (Service Quotas in AWS' console), or for fewer or smaller machines",
    )
