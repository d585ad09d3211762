"""What EC2 sells now: types by zone, and what they cost on the spot market."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from cloudclusters.base.cloud import Market, Offer, Place
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.settings import Ec2Settings
from cloudclusters.provider.ec2.shapes import Offerings, SpotPrices

THREADS = 8
"""Regions that are asked at once."""


def live_offers(account: Account, settings: Ec2Settings, regions: Collection[str]) -> Iterator[Offer]:
    """Every type in every zone where it is sold; prices on the spot market only, since EC2 does not tell the others.

    Regions that the account has not enabled sell nothing.
    """
    chosen = [region for region in account.regions(settings) if not regions or region in regions]
    with ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(lambda region: _in_region(account, region), chosen):
            yield from found


def zones_of(account: Account, region: str, instance_type: str) -> list[Place]:
    """The zones of a region where a type is sold."""
    filters: list[dict[str, object]] = [{"Name": "instance-type", "Values": [instance_type]}]
    return sorted((Place(region, zone) for _, zone in _sold(account, region, filters)), key=str)


def _in_region(account: Account, region: str) -> list[Offer]:
    prices = _spot_prices(account, region)
    today = datetime.now(UTC).date().isoformat()
    found = []
    for name, zone in sorted(_sold(account, region, [])):
        place = Place(region, zone)
        found.append(Offer(provider="ec2", instance_type=name, place=place))
        price = prices.get((name, zone))
        if price is not None:
            spot = Offer(
                provider="ec2", instance_type=name, place=place, market=Market.SPOT, hourly_usd=price, price_date=today
            )
            found.append(spot)
    return found


def _sold(account: Account, region: str, filters: list[dict[str, object]]) -> set[tuple[str, str]]:
    said = {"LocationType": "availability-zone", "Filters": filters}
    rows = account.every(region, "describe_instance_type_offerings", Offerings, **said).instance_type_offerings
    return {(row.instance_type, row.location) for row in rows}


def _spot_prices(account: Account, region: str) -> dict[tuple[str, str], float]:
    said = {"ProductDescriptions": ["Linux/UNIX"], "StartTime": datetime.now(UTC)}
    rows = account.every(region, "describe_spot_price_history", SpotPrices, **said).spot_price_history
    return {
        (r.instance_type, r.availability_zone): float(r.spot_price) for r in sorted(rows, key=lambda r: r.timestamp)
    }
