"""Spot prices: one per type and zone, not the constant of 2006 that moto answers with."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES

from cloudclusters.testing.bed.calls import Answer, Call, element, result

_ACCOUNT = "123456789012"
_PRODUCTS = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")


@dataclass(slots=True)
class SpotPrices:
    """Prices in USD per hour; set one by `set`, all others are made from the type's size and the zone's name."""

    fixed: dict[tuple[str, str], float] = field(default_factory=dict)

    def set(self, instance_type: str, zone: str, price: float) -> None:
        """Let a type have this price in a zone."""
        self.fixed[instance_type, zone] = price

    def price(self, instance_type: str, zone: str) -> float:
        """The price now."""
        if (instance_type, zone) in self.fixed:
            return self.fixed[instance_type, zone]
        cores = int(INSTANCE_TYPES.get(instance_type, {}).get("VCpuInfo", {}).get("DefaultVCpus", 2))
        spread = hashlib.sha256(f"{instance_type} {zone}".encode()).digest()[0] / 256
        return round(cores * (0.012 + 0.006 * spread), 4)

    def history(self, call: Call) -> Answer:
        """DescribeSpotPriceHistory: the latest price for each type and zone."""
        wanted = dict(call.filters())
        types = call.values("InstanceType") or wanted.get("instance-type") or sorted(INSTANCE_TYPES)
        zones = [zone.name for zone in ec2_backends[_ACCOUNT][call.region].describe_availability_zones()]
        chosen = [call.parameters["AvailabilityZone"]] if "AvailabilityZone" in call.parameters else None
        chosen = chosen or wanted.get("availability-zone") or zones
        products = call.values("ProductDescription") or wanted.get("product-description") or list(_PRODUCTS[:1])
        offered = [name for name in types if name in INSTANCE_TYPES]
        stamp = datetime.fromtimestamp(time.time() - 600, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        items = "".join(
            f"<item>{element('instanceType', name)}{element('productDescription', product)}"
            f"{element('spotPrice', f'{self.price(name, zone):.6f}')}{element('timestamp', stamp)}"
            f"{element('availabilityZone', zone)}</item>"
            for name in offered
            for zone in zones
            if zone in chosen
            for product in products
            if product in _PRODUCTS
        )
        return result(call, f"<spotPriceHistorySet>{items}</spotPriceHistorySet><nextToken/>")
