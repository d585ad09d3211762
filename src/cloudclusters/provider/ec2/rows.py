"""Rows for the catalog, live from EC2: what is sold in which region, what it is made of, and what it costs today.

Calls, all documented and all free: DescribeRegions once; per region DescribeInstanceTypeOfferings,
DescribeInstanceTypes for types not yet looked at, GetProducts of the price list and DescribeSpotPriceHistory. Rights to
prices may be missing: that costs the column, and is told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from cloudclusters.base.near import near
from cloudclusters.catalog import Content, Offering, Price, Region
from cloudclusters.catalog.refreshing import Step, Survey, Tell
from cloudclusters.errors import CredentialsRefused, UnknownName
from cloudclusters.provider.ec2.errors import code_of, translated
from cloudclusters.provider.ec2.machine_type import SOURCE, Facts, Tables, derived, measured

HOME = "us-east-1"
"""Where DescribeRegions is asked when no region is configured."""
PRICE_LIST = "us-east-1"
"""One of the three regions where the price list answers, for all regions of its partition."""
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eusc-", "eu-isoe-")
AT_ONCE = 6
"""Regions that are asked at the same time."""
NAMES_PER_CALL = 100
_DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedException"})
"""The right is missing, but the caller is known."""
_FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
}
_LISTS = {
    "describe_instance_type_offerings": "InstanceTypeOfferings",
    "describe_instance_types": "InstanceTypes",
    "describe_spot_price_history": "SpotPriceHistory",
    "get_products": "PriceList",
}
_DOLLARS = "USD"


class Paginator(Protocol):
    """The SDK's way through the pages of an answer."""

    def paginate(self, **parameters: object) -> Iterable[Mapping[str, object]]:
        """Every page, asked for as it is wanted."""
        ...


class Client(Protocol):
    """The SDK's client of one service in one region."""

    def get_paginator(self, operation_name: str) -> Paginator:
        """Every call here has pages."""
        ...

    def describe_regions(self, **parameters: object) -> Mapping[str, object]:
        """But this one."""
        ...


ClientOf = Callable[[str, str], Client]
"""Makes the client of a service in a region; is called by one thread alone."""


class _Ended(Exception):
    """Another region failed, or the user stopped it: this one need not go on."""


@dataclass(slots=True, kw_only=True)
class _Market:
    """What one region sells."""

    region: str
    zones: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By instance type."""
    facts: dict[str, Facts] = field(default_factory=dict)
    products: dict[str, Mapping[str, str]] = field(default_factory=dict)
    usd: dict[str, float] | None = None
    spot: dict[str, float] | None = None
    gaps: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Asking:
    """What all regions' questions share."""

    tell: Tell
    seen: set[str] = field(default_factory=set)
    """Types whose facts somebody asks for already; they are the same in every region."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)


def survey(
    client: ClientOf, regions: Collection[str], known: Content, tell: Tell, *, home: str = "", day: str = ""
) -> Survey:
    """What EC2 sells in these regions (none: in all that the account may use), as of `day` (default: today).

    Takes some ten seconds per region, several at a time. Ends soon when it is interrupted; changes nothing anywhere.
    Raises `UnknownName` for a region that the account cannot use, and the `ProviderError`s.
    """
    enabled = _enabled(client("ec2", home or HOME), home or HOME)
    wanted = sorted(set(regions)) or enabled
    _check(wanted, enabled, known)
    clients = [(region, client("ec2", region), client("pricing", PRICE_LIST)) for region in wanted]
    asking = _Asking(tell=tell)
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="survey") as pool:
        futures = [pool.submit(_market, asking, *each) for each in clients]
        try:
            markets = _results(asking, futures)
        except BaseException:
            asking.ended.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return _survey(markets, known, day or datetime.now(UTC).date().isoformat())


def _results(asking: _Asking, futures: Sequence[Future[_Market]]) -> list[_Market]:
    """All regions' answers; the first error ends the others, and is the one that is raised."""
    for future in as_completed(futures):
        if future.exception() is not None:
            asking.ended.set()
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, _Ended):
            raise error
    return [future.result() for future in futures]


def _enabled(ec2: Client, home: str) -> list[str]:
    """The regions that the account may use."""
    with translated("DescribeRegions", home):
        answer = ec2.describe_regions()
    return sorted(str(each["RegionName"]) for each in _parts(answer, "Regions"))


def _check(wanted: Sequence[str], enabled: Sequence[str], known: Content) -> None:
    ours = {r.region for r in known.regions if r.provider == "ec2"}
    for region in wanted:
        if region in enabled:
            continue
        if region in ours:
            raise UnknownName(
                f"the region {region} is not enabled in this AWS account",
                hint=f"enable it in the account's settings, or name others: {', '.join(enabled)}",
            )
        raise UnknownName(f"ec2 has no region {region!r}{near(region, enabled)}", hint=f"regions: {', '.join(enabled)}")


def _market(asking: _Asking, region: str, ec2: Client, pricing: Client) -> _Market:
    """All that one region says."""
    market = _Market(region=region)
    for offer in _items(asking, market, ec2, "describe_instance_type_offerings", LocationType="availability-zone"):
        name = str(offer["InstanceType"])
        market.zones[name] = tuple(sorted({*market.zones.get(name, ()), str(offer["Location"])}))
    _look_at_types(asking, market, ec2)
    if region.startswith(_OTHER_PARTITIONS):
        market.gaps.append(f"prices on demand in {region} stay as they were: its partition has another price list")
    else:
        market.usd = _permitted(market, "prices on demand", lambda: _on_demand(asking, market, pricing))
    market.spot = _permitted(market, "spot prices", lambda: _spot(asking, market, ec2))
    return market


def _permitted(market: _Market, what: str, ask: Callable[[], dict[str, float]]) -> dict[str, float] | None:
    """The prices; None, and a gap, where the right to them is missing."""
    try:
        return ask()
    except CredentialsRefused as exc:
        if code_of(exc) not in _DENIED:
            raise
        market.gaps.append(f"{what} in {market.region} stay as they were: {exc.message}")
        return None


def _look_at_types(asking: _Asking, market: _Market, ec2: Client) -> None:
    """The facts of types that no other region's thread has taken on."""
    with asking.lock:
        names = sorted(market.zones.keys() - asking.seen)
        asking.seen.update(names)
    for first in range(0, len(names), NAMES_PER_CALL):
        some = names[first : first + NAMES_PER_CALL]
        for facts in _items(asking, market, ec2, "describe_instance_types", InstanceTypes=some):
            market.facts[str(facts["InstanceType"])] = facts
        _tell(asking, market, "types", len(market.facts), len(names))
    _tell(asking, market, "types", len(market.facts), len(names), last=True)


def _on_demand(asking: _Asking, market: _Market, pricing: Client) -> dict[str, float]:
    """USD per hour by type; keeps what the price list says of each type beside."""
    chosen = {**_FILTERS, "regionCode": market.region}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in chosen.items()]
    found: dict[str, float] = {}
    for text in _items(asking, market, pricing, "get_products", ServiceCode="AmazonEC2", Filters=filters):
        product = json.loads(str(text))
        attributes = product["product"].get("attributes", {})
        name, price = attributes.get("instanceType", ""), _price(product)
        if name in market.zones and price is not None:
            found[name] = price
            market.products[name] = attributes
            if len(found) % NAMES_PER_CALL == 0:
                _tell(asking, market, "prices", len(found), len(market.zones))
    _tell(asking, market, "prices", len(found), len(market.zones), last=True)
    return found


def _price(product: Mapping[str, Mapping[str, Mapping[str, Mapping[str, object]]]]) -> float | None:
    """The hourly price of a product in USD; None where it is not sold by the hour, or costs nothing by itself."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        dimensions = term.get("priceDimensions")
        for each in dimensions.values() if isinstance(dimensions, dict) else ():
            price = float(each.get("pricePerUnit", {}).get(_DOLLARS, 0))
            if each.get("unit") == "Hrs" and price > 0:
                return price
    return None


def _spot(asking: _Asking, market: _Market, ec2: Client) -> dict[str, float]:
    """USD per hour by type: the highest of its zones, as the region alone does not say which zone it will be."""
    found: dict[str, float] = {}
    now = datetime.now(UTC)
    for row in _items(
        asking, market, ec2, "describe_spot_price_history", StartTime=now, ProductDescriptions=["Linux/UNIX"]
    ):
        name, price = str(row["InstanceType"]), float(str(row["SpotPrice"]))
        if name in market.zones:
            found[name] = max(price, found.get(name, 0.0))
    _tell(asking, market, "spot prices", len(found), len(market.zones), last=True)
    return found


def _tell(asking: _Asking, market: _Market, what: str, done: int, total: int, *, last: bool = False) -> None:
    asking.tell(Step(region=market.region, what=what, done=done, total=total, last=last))


def _items(asking: _Asking, market: _Market, client: Client, operation: str, **parameters: object) -> Iterator[Facts]:
    """What is listed on all pages of an answer; ends between two pages when somebody ended the survey."""
    action = "".join(word.capitalize() for word in operation.split("_"))
    with translated(action, market.region):
        for page in client.get_paginator(operation).paginate(**parameters):
            if asking.ended.is_set():
                raise _Ended
            yield from _parts(page, _LISTS[operation])


def _parts(answer: Mapping[str, object], name: str) -> Sequence[Facts]:
    found = answer.get(name)
    return found if isinstance(found, list) else ()


def _survey(markets: Sequence[_Market], known: Content, day: str) -> Survey:
    """The answers of all regions as rows."""
    tables = Tables(processors=known.processors, accelerators=known.accelerators)
    old = {t.instance_type for t in known.types if t.provider == "ec2"}
    facts = {name: each for market in markets for name, each in market.facts.items()}
    products = {name: each for market in markets for name, each in market.products.items()}
    types = [
        measured(each) if name in old else derived(each, products.get(name, {}), tables) for name, each in facts.items()
    ]
    content = Content(
        types=tuple(types),
        prices=tuple(price for market in markets for price in _prices(market, facts, day)),
        offerings=tuple(
            Offering("ec2", name, market.region, zones, SOURCE)
            for market in markets
            for name, zones in market.zones.items()
            if name in facts
        ),
        regions=tuple(_region(market, known) for market in markets),
        date=day,
    )
    return Survey(
        provider="ec2",
        regions=tuple(market.region for market in markets),
        content=content,
        priced=frozenset(market.region for market in markets if market.usd is not None),
        spot=frozenset(market.region for market in markets if market.spot is not None),
        gaps=tuple(gap for market in markets for gap in market.gaps),
    )


def _prices(market: _Market, described: Collection[str], day: str) -> Iterator[Price]:
    usd, spot = market.usd or {}, market.spot or {}
    for name in sorted(market.zones.keys() & set(described)):
        yield Price(
            "ec2",
            name,
            market.region,
            usd=usd.get(name),
            spot_usd=spot.get(name),
            date=day if name in usd else None,
            spot_date=day if name in spot else None,
            source=SOURCE,
        )


def _region(market: _Market, known: Content) -> Region:
    """The region with its zones; where it lies is the catalog's knowledge."""
    old = next((r.zones for r in known.regions if (r.provider, r.region) == ("ec2", market.region)), ())
    seen = {zone for zones in market.zones.values() for zone in zones}
    return Region("ec2", market.region, zones=tuple(sorted(seen.union(old))), source=SOURCE)
