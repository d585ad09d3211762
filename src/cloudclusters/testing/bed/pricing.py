"""The price list, which moto does not have: products of EC2 with their attributes, filters and pages as AWS has them.

Beside what runs Linux on shared hardware there are products that must not be mistaken for it, at other prices.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from cloudclusters.testing.bed.calls import Answer, Call, failure

REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
"""Where the price list answers."""
_JSON = "application/x-amz-json-1.1"
_MOST = 100
_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
}
_VARIANTS: tuple[tuple[Mapping[str, str], float], ...] = (
    (_LINUX, 1.0),
    ({**_LINUX, "operatingSystem": "Windows"}, 1.9),
    ({**_LINUX, "tenancy": "Dedicated"}, 1.1),
    ({**_LINUX, "preInstalledSw": "SQL Std"}, 3.0),
    ({**_LINUX, "capacitystatus": "UnusedCapacityReservation"}, 1.2),
    ({**_LINUX, "marketoption": "CapacityBlock"}, 0.0),
)


@dataclass(slots=True)
class Pricing:
    """Prices on demand in USD per hour; set one by `set`, all others are made from the type's size."""

    fixed: dict[tuple[str, str], float] = field(default_factory=dict)

    def set(self, instance_type: str, region: str, price: float) -> None:
        """Let a type have this price in a region."""
        self.fixed[instance_type, region] = price

    def price(self, instance_type: str, region: str) -> float:
        """The price of a type with Linux on shared hardware."""
        cores = int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])
        return self.fixed.get((instance_type, region), round(cores * 0.05, 4))

    def answer(self, call: Call, body: bytes) -> Answer:
        """GetProducts of AmazonEC2."""
        if call.region not in REGIONS:
            return failure(call, "UnrecognizedClientException", "The price list does not answer in this region.")
        asked = json.loads(body or b"{}")
        if call.action != "GetProducts" or asked.get("ServiceCode") != "AmazonEC2":
            return failure(call, "InvalidParameterException", f"{call.action} is not known to the bed")
        filters = {each["Field"]: each["Value"] for each in asked.get("Filters", ())}
        if any(each.get("Type") != "TERM_MATCH" for each in asked.get("Filters", ())):
            return failure(call, "InvalidParameterException", "the bed knows TERM_MATCH alone")
        products = list(self._products(filters))
        first, size = int(asked.get("NextToken") or 0), min(_MOST, int(asked.get("MaxResults") or _MOST))
        page: dict[str, object] = {"FormatVersion": "aws_v1", "PriceList": products[first : first + size]}
        if first + size < len(products):
            page["NextToken"] = str(first + size)
        return Answer(200, json.dumps(page).encode(), _JSON)

    def _products(self, filters: Mapping[str, str]) -> Iterator[str]:
        for region, offered in sorted(INSTANCE_TYPE_OFFERINGS["region"].items()):
            if filters.get("regionCode", region) != region:
                continue
            for name in sorted(each["InstanceType"] for each in offered if each["InstanceType"] in INSTANCE_TYPES):
                for variant, factor in _VARIANTS:
                    attributes = {"instanceType": name, "regionCode": region, "operation": "RunInstances", **variant}
                    if all(attributes.get(key) == value for key, value in filters.items()):
                        yield json.dumps(_product(attributes, self.price(name, region) * factor))


def _product(attributes: Mapping[str, str], price: float) -> Mapping[str, object]:
    sku = "-".join(attributes.values()).upper()
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}, "beginRange": "0", "endRange": "Inf"}
    term = {"sku": sku, "effectiveDate": "2026-01-01T00:00:00Z", "priceDimensions": {f"{sku}.6YS6EN2CT7": dimension}}
    return {
        "serviceCode": "AmazonEC2",
        "product": {"sku": sku, "productFamily": "Compute Instance", "attributes": attributes},
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": term}},
    }
