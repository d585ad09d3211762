"""What clashes and what to ask for instead when nothing fits, against whoever tries everything."""

from __future__ import annotations

import re
from itertools import combinations

from asking import buys_what_it_says, fits, nearer, solved
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudclusters.catalog import Catalog, MachineType, Offering, Price, Region
from cloudclusters.errors import InvalidSetting, NoMatch

REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")
THERE = {"us-east-1": "us-central1", "eu-west-1": "europe-west1", "eu-central-1": "europe-west3"}
"""What Google calls its regions nearby."""
DISKS = ((0, "remote-only"), (2**40, "nvme-ssd"), (2**40, "hdd"), (None, None))

types = st.builds(
    lambda vcpus, memory, architecture, prices: (vcpus, memory, architecture, prices),
    st.sampled_from([2, 4, 8, 64]),
    st.sampled_from([2**30, 2**33, 2**36]),
    st.sampled_from(["Ada", "Hopper", "none", None]),
    st.dictionaries(st.sampled_from(REGIONS), st.sampled_from([0.5, 1.0, 2.0, None]), max_size=3),
)
asked = st.fixed_dictionaries(
    {},
    optional={
        "node_vcpus_count": st.sampled_from([">=4", ">=64", "<=2", "8", "4..8", ">=128"]),
        "node_memory_size": st.sampled_from([">=8G", ">=64G", "<=1G"]),
        "accelerator_architecture": st.sampled_from(["Ada", "Hopper"]),
        "node_hourly_price": st.sampled_from(["<=0.4", "<=0.9", "<=1.5"]),
        "cluster_locale": st.sampled_from([*REGIONS, "Europe"]),
    },
)


@settings(deadline=None, max_examples=60)
@given(st.lists(types, min_size=1, max_size=8), asked)
def test_relaxations_are_true_and_none_is_missing(rows: list[tuple[object, ...]], wanted: dict[str, str]) -> None:
    """Each buys what it says, every other constraint kept; and each constraint that alone is in the way has one."""
    machines = [
        MachineType("ec2", f"t{i}.x", vcpus=v, memory_bytes=m, accelerator_architecture=a)  # type: ignore[arg-type]
        for i, (v, m, a, _) in enumerate(rows)
    ]
    prices = [
        Price("ec2", f"t{i}.x", region, price)
        for i, (_, _, _, sold) in enumerate(rows)
        for region, price in sold.items()  # type: ignore[attr-defined]
    ]
    catalog = Catalog.build(machines, prices)
    try:
        solved(catalog, wanted)
    except NoMatch as exc:
        error = exc
    else:
        return
    for each in error.relaxations:
        buys_what_it_says(catalog, wanted, each)
    alone = {name for name in wanted if fits(catalog, {k: v for k, v in wanted.items() if k != name})}
    told = {name for each in error.relaxations if len(each.instead) == 1 for name in each.instead}
    assert told <= alone
    assert alone <= told


ALL = {
    "node_vcpus_count": st.sampled_from([">=4", "<=2", "8", ">=128"]),
    "accelerator_architecture": st.sampled_from(["Ada", "Hopper"]),
    "cluster_locale": st.sampled_from([*REGIONS, "Europe"]),
    "node_hourly_price": st.sampled_from(["<=0.4", "<=0.9", "0.7..3"]),
    "total_vcpus": st.sampled_from([">=16", ">=100", "<=12", "9..15"]),
    "total_memory": st.sampled_from([">=8G", ">=1T"]),
    "node_count": st.sampled_from(["2", "1..4", ">=3"]),
    "cluster_hourly_price": st.sampled_from(["<=0.4", "<=1", "<=5"]),
    "node_provider": st.sampled_from(["ec2", "gcp"]),
    "storage_type": st.sampled_from(["hdd", "ssd", "remote-only"]),
    "storage_size": st.sampled_from([">=100G", ">=8T", "<=100G", "1T"]),
}
whole = st.sets(st.sampled_from(sorted(ALL)), max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: ALL[name] for name in sorted(names)})
)
bought = st.fixed_dictionaries(
    {}, optional={"market": st.sampled_from(["spot", "any"]), "on_demand_percent": st.sampled_from(["0", "50"])}
)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(types, min_size=1, max_size=5),
    whole,
    bought,
    st.lists(st.sampled_from([0.3, 0.9, 1.2]), min_size=1),
    st.lists(st.sampled_from(["ec2", "gcp"]), min_size=1),
    st.lists(st.sampled_from(DISKS), min_size=1),
)
def test_conflict_sets_are_all_that_are_minimal_and_relaxations_true(
    rows: list[tuple[object, ...]],
    wanted: dict[str, str],
    how: dict[str, str],
    spot: list[float],
    clouds: list[str],
    disks: list[tuple[int | None, str | None]],
) -> None:
    """As whoever asks every subset of the constraints finds them: those on all nodes together, on any market, too."""
    catalog = _two_clouds(rows, spot, clouds, disks)
    try:
        solved(catalog, {**wanted, **how})
    except NoMatch as exc:
        error = exc
    else:
        return
    told = {frozenset(re.split("[<>=]", text)[0] for text in clash) for clash in error.conflict_sets}
    subsets = [frozenset(some) for size in range(len(wanted) + 1) for some in combinations(wanted, size)]
    clashing = [some for some in subsets if not fits(catalog, {**{name: wanted[name] for name in some}, **how})]
    assert told == {some for some in clashing if not any(other < some for other in clashing)}
    for each in error.relaxations:
        buys_what_it_says(catalog, {**wanted, **how}, each)
    alone = {name for name in wanted if wanted.keys() - {name} not in clashing}
    loosened = {name for each in error.relaxations if len(each.instead) == 1 for name in each.instead}
    assert loosened == alone - {"node_provider"}  # (another provider is another contract)


ZONES = {"us-east-1": ("us-east-1a", "us-east-1b"), "eu-west-1": ("eu-west-1a", "eu-west-1b"), "eu-central-1": ()}
ZONED = {
    **{name: ALL[name] for name in ("node_vcpus_count", "accelerator_architecture", "total_vcpus", "node_count")},
    "node_hourly_price": ALL["node_hourly_price"],
    "cluster_hourly_price": ALL["cluster_hourly_price"],
    "cluster_locale": st.sampled_from(
        ["us-east-1a", "us-east-1a|eu-west-1b", "us-east-1,!=us-east-1b", "!=us-east-1b", "us-east-1", "eu-west-1"]
    ),
}
zoned = st.sets(st.sampled_from(sorted(ZONED)), max_size=5).flatmap(
    lambda names: st.fixed_dictionaries({name: ZONED[name] for name in sorted(names)})
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(types, min_size=1, max_size=4),
    zoned,
    st.fixed_dictionaries(
        {}, optional={"market": st.sampled_from(["spot", "any"]), "zone": st.sampled_from(["us-east-1b", "eu-west-1a"])}
    ),
    st.lists(st.sampled_from([(), (0,), (1,), (0, 1)]), min_size=1, max_size=5),
)
def test_zones_are_told_apart_in_conflict_sets(
    rows: list[tuple[object, ...]], wanted: dict[str, str], how: dict[str, str], where: list[tuple[int, ...]]
) -> None:
    """Those that the place names, and the one that is set, which stays, whatever gives way.

    Of both, the place's zone goes first; then a contract without its place allows less, and no set is minimal.
    """
    assume("zone" not in how or wanted.get("cluster_locale", "") in ("", "us-east-1", "eu-west-1"))
    catalog = _zoned_cloud(rows, where)
    try:
        solved(catalog, {**wanted, **how})
    except NoMatch as exc:
        error = exc
    except InvalidSetting:  # the zone does not lie there
        return
    else:
        return
    told = {frozenset(re.split("[!<>=]", text)[0] for text in clash) for clash in error.conflict_sets}
    subsets = [frozenset(some) for size in range(len(wanted) + 1) for some in combinations(wanted, size)]
    clashing = [some for some in subsets if not fits(catalog, {**{name: wanted[name] for name in some}, **how})]
    minimal = {some for some in clashing if not any(other < some for other in clashing)}
    assert told == minimal or frozenset() in minimal  # the zone has nothing at all
    for each in error.relaxations:
        buys_what_it_says(catalog, {**wanted, **how}, each)


sold = st.dictionaries(
    st.sampled_from(REGIONS),
    st.tuples(st.sampled_from([0.4, 1.0, 2.0, None]), st.sampled_from([0.2, 0.4, 1.5, None])),
    min_size=1,
)
numbers = st.fixed_dictionaries(
    {},
    optional={
        "node_hourly_price": st.sampled_from(["<=0.1", "<=0.3", "0.7..0.8", ">=3"]),
        "cluster_hourly_price": st.sampled_from(["<=0.1", "<=1", "<=4"]),
        "node_count": st.sampled_from(["8", ">=16", "1..2"]),
        "total_vcpus": st.sampled_from([">=100", "<=12"]),
        "node_vcpus_count": st.sampled_from([">=8", "<=4"]),
    },
)
mixed = st.fixed_dictionaries(
    {"market": st.sampled_from(["on-demand", "spot", "any"])},
    optional={"on_demand_percent": st.just("50"), "max_price": st.just("0.5")},
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from([2, 8, 64]), sold), min_size=1, max_size=3), numbers, mixed)
def test_no_number_is_nearer_than_the_one_that_is_told(
    rows: list[tuple[int, dict[str, tuple[float | None, float | None]]]], wanted: dict[str, str], how: dict[str, str]
) -> None:
    """Prices differ from region to region, on the spot market otherwise than on demand, and some are not known.

    What numbers of nodes need no spot machine, where `max_price` allows none, is not looked for.
    """
    assume(not ("max_price" in how and "node_count" in wanted))
    machines = [MachineType("ec2", f"t{i}.x", vcpus=vcpus) for i, (vcpus, _) in enumerate(rows)]
    prices = [
        Price("ec2", f"t{i}.x", region, usd, spot_usd=spot)
        for i, (_, there) in enumerate(rows)
        for region, (usd, spot) in there.items()
    ]
    catalog, asked = Catalog.build(machines, prices), {**wanted, **how}
    try:
        solved(catalog, asked)
    except NoMatch as exc:
        error = exc
    else:
        return
    for each in error.relaxations:
        buys_what_it_says(catalog, asked, each)
        ((name, text), *more) = each.instead.items()
        if not more and name in wanted:
            less = nearer(re.sub("(?<=[a-z])(?=[0-9])", "=", name + wanted[name]), text)
            assert not fits(catalog, {**asked, name: re.sub(f"{name}=?", "", less)}), f"{text} is told, not {less}"
    alone = {name for name in wanted if fits(catalog, {key: each for key, each in asked.items() if key != name})}
    told = {name for each in error.relaxations if len(each.instead) == 1 for name in each.instead}
    assert alone == told or not error.conflict_sets  # `max_price` alone is in the way


def _zoned_cloud(rows: list[tuple[object, ...]], where: list[tuple[int, ...]]) -> Catalog:
    """These types at one cloud, in some zones of each of their regions, or in nobody knows which."""
    machines, prices, offerings = list[MachineType](), list[Price](), list[Offering]()
    for i, (vcpus, memory, architecture, sold) in enumerate(rows):
        cells = {"vcpus": vcpus, "memory_bytes": memory, "accelerator_architecture": architecture}
        machines.append(MachineType("ec2", f"t{i}.x", **cells))  # type: ignore[arg-type]
        for region, price in sold.items():  # type: ignore[attr-defined]
            chosen, spot = where[len(prices) % len(where)], None if price is None else price / 3
            zones = tuple(zone for n, zone in enumerate(ZONES[region]) if n in chosen)
            prices.append(Price("ec2", f"t{i}.x", region, price, spot_usd=spot))
            offerings.append(Offering("ec2", f"t{i}.x", region, zones=zones))
    regions = [Region("ec2", name, zones=zones) for name, zones in ZONES.items()]
    return Catalog.build(machines, prices, offerings=offerings, regions=regions)


def _two_clouds(
    rows: list[tuple[object, ...]], spot: list[float], clouds: list[str], disks: list[tuple[int | None, str | None]]
) -> Catalog:
    """These types, each at one of the clouds, with disks; one cloud alone sizes root disks."""
    machines, prices = list[MachineType](), list[Price]()
    for i, (vcpus, memory, architecture, sold) in enumerate(rows):
        cloud, (size, kind) = clouds[i % len(clouds)], disks[i % len(disks)]
        cells = {"vcpus": vcpus, "memory_bytes": memory, "accelerator_architecture": architecture}
        machines.append(MachineType(cloud, f"t{i}.x", storage_bytes=size, storage_type=kind, **cells))  # type: ignore[arg-type]
        for region, price in sold.items():  # type: ignore[attr-defined]
            there, part = region if cloud == "ec2" else THERE[region], spot[len(prices) % len(spot)]
            prices.append(Price(cloud, f"t{i}.x", there, price, spot_usd=None if price is None else price * part))
    return Catalog.build(machines, prices)
