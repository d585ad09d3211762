"""What to ask for instead when nothing fits, against whoever tries everything."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudclusters.catalog import Catalog, MachineType, Offering, Price, Region
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import InvalidSetting, NoMatch, Relaxation
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES, Range, format_constraint, parse_constraint

Facts = Mapping[str, ProviderFacts]
Solve = Callable[..., Resolution]
FACTS = {
    "ec2": ProviderFacts(name="ec2", installed=True, cloud=True, root_disk_bytes=2**44),
    "gcp": ProviderFacts(name="gcp", installed=True, cloud=True),
}
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


def solved(catalog: Catalog, wanted: Mapping[str, object]) -> Resolution:
    """What fits."""
    contract = make_contract({"cluster_locale": "any", **wanted}, handle="A" * 15)
    return resolve(contract, catalog, Settings(), providers=FACTS)


def fits(catalog: Catalog, wanted: Mapping[str, object]) -> bool:
    """Whether anything does."""
    try:
        solved(catalog, wanted)
    except NoMatch:
        return False
    return True


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
        _buys_what_it_says(catalog, wanted, each)
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
        _buys_what_it_says(catalog, {**wanted, **how}, each)
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
        _buys_what_it_says(catalog, {**wanted, **how}, each)


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
        _buys_what_it_says(catalog, asked, each)
        ((name, text), *more) = each.instead.items()
        if not more and name in wanted:
            nearer = _nearer(re.sub("(?<=[a-z])(?=[0-9])", "=", name + wanted[name]), text)
            assert not fits(catalog, {**asked, name: re.sub(f"{name}=?", "", nearer)}), f"{text} is told, not {nearer}"
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


def _buys_what_it_says(catalog: Catalog, wanted: Mapping[str, str], relaxation: Relaxation) -> None:
    loosened = {name: text.removeprefix(name).removeprefix("=") for name, text in relaxation.instead.items()}
    found = solved(catalog, {**wanted, **loosened})
    said = relaxation.provider, relaxation.instance_type, relaxation.region, relaxation.hourly_usd, relaxation.count
    offer = found.best.offer
    assert said == (offer.provider, offer.instance_type, offer.place.region, offer.hourly_usd, found.best.count)


@pytest.mark.parametrize(
    ("name", "asked"), [("accelerator_type", "XPU"), ("processor_simd", "avx2"), ("processor_isa", "x86_64")]
)
def test_a_word_that_nobody_can_ask_for_is_not_proposed(name: str, asked: str) -> None:
    """A catalog may hold one; what is bought without the constraint is told."""
    cells = {"vcpus": 4, "memory_bytes": 2**33, FEATURES[name].column: "something new"}
    catalog = Catalog.build([MachineType("ec2", "t1.x", **cells)], [Price("ec2", "t1.x", "us-east-1", 1.0)])  # type: ignore[arg-type]

    with pytest.raises(NoMatch) as caught:
        solved(catalog, {name: asked})

    assert [each.instead for each in caught.value.relaxations] == [{name: f"{name}=any"}]


def nearest(solve: Solve, catalog: Catalog, *texts: str) -> list[str]:
    """What is told, as text."""
    with pytest.raises(NoMatch) as caught:
        solve(catalog, *texts)
    assert all(f"\n  {each}" in caught.value.hint for each in caught.value.relaxations)
    return [str(each) for each in caught.value.relaxations]


def test_cores_price_and_place_of_the_full_catalog(solve: Solve, full: Catalog) -> None:
    """Each of the three alone; the place is one in the same continent."""
    told = nearest(
        solve,
        full,
        "node_provider=ec2",
        "processor_core_count>=64",
        "node_hourly_price<=2.4",
        "cluster_locale=eu-central-1",
    )
    price, cores, place = told
    assert price.startswith("node_hourly_price<=2.")
    assert " in eu-central-1 for 2." in price
    assert cores.startswith("processor_core_count>=48 buys ")
    assert place.startswith("cluster_locale=eu-")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (
            ("accelerator_count=8", "accelerator_architecture=Ada", "node_memory_size>=2T"),
            "node_memory_size>=1.5T buys",
        ),
        (("accelerator_count=3",), "accelerator_count=4 buys"),
        (("node_machinetype=g6.48xlarge", "cluster_locale=Africa"), "buys g6.48xlarge at ec2 in"),
        (("node_vcpus_count=2..4", "node_memory_size>=1T"), "node_memory_size>="),
        (("accelerator=H100", "node_vcpus_count<=8"), "node_vcpus_count<="),
    ],
)
def test_nearest_values_of_the_full_catalog(solve: Solve, full: Catalog, texts: tuple[str, ...], told: str) -> None:
    """By numbers as near as there are; by names of the same family."""
    assert any(told in each for each in nearest(solve, full, *texts))


SAID = [
    (
        "accelerator_memory_size>=80G total_vcpus>=64 accelerator_architecture=Ada node_provider=ec2",
        "",
        "accelerator_memory_size>=48G buys g6e.16xlarge",
    ),
    (
        "total_memory=16T accelerator_architecture=Ada accelerator_memory_size=40G node_provider=ec2",
        "",
        "accelerator_memory_size=48G buys 32 x g6e.16xlarge",
    ),
    ("processor_simd=avx512f processor_isa=arm64", "", "processor_simd=asimd buys t4g.nano"),
    ("processor_simd=avx2+amx_int8 node_machinetype=t3", "", "processor_simd=avx2 buys t3.nano"),
    ("accelerator_api=ROCm accelerator=L4", "", "accelerator_api=CUDA 8.9 buys g6"),
    ("accelerator_api!=CUDA accelerator=L4", "", "accelerator_api=CUDA 8.9 buys g6"),
    ("node_provider=gcp cluster_locale=us-east-1", "node_provider=gcp cluster_locale=us-east-1", "cluster_locale=us-"),
    (
        "node_provider=gcp total_cores=16 total_memory>=1T cluster_locale=Germany|Ireland",
        "node_provider=gcp total_cores=16 total_memory>=1T",
        "total_memory>=",
    ),
    ("node_provider=ec2 market=spot node_hourly_price>=0.05", "node_provider=ec2 node_hourly_price>=0.05", ""),
    ("node_provider=azure cluster_locale=us-east-1 accelerator=GB300", "", "cluster_locale=any buys Standard_ND128isr"),
    ("total_accelerators>=4 node_machinetype=t3", "", "total_accelerators=any buys t3.nano"),
    ("total_accelerators>=4 node_machinetype=t3", "", "node_machinetype=any buys 4 x inf1.xlarge"),
    (
        "node_machinetype=c6a.48xlarge storage_type=ssd processor_core_count=64 node_memory_size>=64G",
        "",
        "node_machinetype=any buys c6gd.16xlarge",
    ),
]


@pytest.mark.parametrize(("texts", "clash", "told"), SAID)
def test_what_clashes_and_what_to_write_are_both_true(
    solve: Solve, full: Catalog, texts: str, clash: str, told: str
) -> None:
    """What is said to be bought is, names of a list read and mean what they say, and whose provider it is counts."""
    words = re.findall(r"[a-z]\S*?[=<>!](?:(?! [a-z_]+[=<>!]).)*", texts)
    with pytest.raises(NoMatch) as caught:
        solve(full, *words)
    if clash:
        assert caught.value.conflicts == tuple(clash.split())
    assert not told or any(str(each).startswith(told) for each in caught.value.relaxations)
    for each in caught.value.relaxations:
        kept = [word for word in words if not word.startswith(tuple(each.instead))]
        best = solve(full, *kept, *each.instead.values()).best
        assert (best.offer.instance_type, best.offer.hourly_usd, best.count) == (
            each.instance_type,
            each.hourly_usd,
            each.count,
        )


def test_kind_and_size_of_disks_clash_together_where_a_root_disk_would_do() -> None:
    """Without the kind, the provider's root disk is as large as is asked for."""
    disk = {"storage_bytes": 0, "storage_type": "remote-only"}
    catalog = Catalog.build([MachineType("ec2", "a.x", **disk)], [Price("ec2", "a.x", "us-east-1", 1.0)])  # type: ignore[arg-type]
    with pytest.raises(NoMatch) as caught:
        solved(catalog, {"storage_type": "remote-only|ssd", "storage_size": ">=17T"})
    assert caught.value.conflict_sets == (("storage_size>=17T",),)
    with pytest.raises(NoMatch) as caught:
        solved(catalog, {"storage_type": "hdd", "storage_size": ">=8T"})
    assert caught.value.conflict_sets == (("storage_type=hdd",),)
    both = Catalog.build(
        [MachineType("ec2", "a.x", **disk), MachineType("gcp", "b.x", storage_bytes=10**9, storage_type="hdd")],  # type: ignore[arg-type]
        [Price("ec2", "a.x", "us-east-1", 1.0), Price("gcp", "b.x", "us-central1", 1.0)],
    )
    with pytest.raises(NoMatch) as caught:
        solved(both, {"storage_type": "hdd", "storage_size": ">=8T"})
    assert caught.value.conflict_sets == (("storage_type=hdd", "storage_size>=8T"),)


def test_what_the_spot_market_does_not_have_clashes_alone() -> None:
    """Not with a place: there is none where it could be bought so. Where it has nothing at all, that is told."""
    rows = [("t0.x", True), ("t1.x", False)]
    machines = [MachineType("ec2", name, vcpus=4, spot=spot) for name, spot in rows]
    prices = [Price("ec2", name, "us-east-1", 1.0, spot_usd=0.5 if spot else None) for name, spot in rows]
    wanted = {"node_machinetype": "t1.x", "cluster_locale": "us-east-1", "market": "spot"}
    for some, clash in ((slice(2), ("node_machinetype=t1.x",)), (slice(1, 2), ("cluster_locale=us-east-1",))):
        with pytest.raises(NoMatch, match="on the spot market") as caught:
            solved(Catalog.build(machines[some], prices[some]), wanted)
        assert caught.value.conflict_sets == (clash,)
        assert caught.value.hint == "market=any takes machines on demand as well"


def test_types_of_clouds_stand_where_they_may_without_this_machine_as_the_provider() -> None:
    """What the clouds sell elsewhere clashes with their default place, too, and that is named."""
    here = [MachineType("local", "this", vcpus=2), MachineType("ec2", "near.x"), MachineType("ec2", "far.x")]
    prices = [Price("local", "this", "here", 0.0), Price("ec2", "near.x", "us-east-1", 1.0)]
    catalog = Catalog.build(here, [*prices, Price("ec2", "far.x", "eu-west-1", 1.0)])
    facts = {**FACTS, "local": ProviderFacts(name="local", installed=True)}
    local, place = "node_provider=local", "cluster_locale=us-east-1 (ec2) (the default)"
    for name, more in (("near.x", []), ("far.x", [("node_machinetype=far.x", place)])):
        wanted = {"node_provider": "local", "node_machinetype": name}
        with pytest.raises(NoMatch) as caught:
            resolve(make_contract(wanted, handle="A" * 15), catalog, Settings(), providers=facts)
        assert caught.value.conflict_sets == ((local, f"node_machinetype={name}"), *more)


def test_a_region_that_is_no_name_of_a_place_is_not_told() -> None:
    """That of this machine or of a plugin: no contract can state it, so what is bought there is told with any place."""
    catalog = Catalog.build([MachineType("ec2", "t0.x", vcpus=4)], [Price("ec2", "t0.x", "nowhere-we-know", 0.5)])
    wanted = {"cluster_locale": "us-east-1"}
    with pytest.raises(NoMatch) as caught:
        solved(catalog, wanted)
    (only,) = caught.value.relaxations
    assert only.instead == {"cluster_locale": "cluster_locale=any"}
    _buys_what_it_says(catalog, wanted, only)


def test_several_constraints_are_loosened_together_where_one_is_not_enough(solve: Solve, readme: Catalog) -> None:
    """And no more of them than must be."""
    (first, *_) = nearest(solve, readme, "node_memory_size>=100T", "node_vcpus_count>=1000")
    assert first.count(" and ") == 1


DOZEN = [
    ("processor_core_count>=64", "node_hourly_price<=2", "cluster_locale=eu-west-1"),
    ("processor_core_count>=64", "node_hourly_price<=2", "cluster_locale=Europe", "node_provider=azure"),
    ("node_memory_size>=512G", "node_vcpus_count<=2", "cluster_locale=any"),
    ("node_memory_size>=64T",),
    ("accelerator_architecture=Ada", "accelerator_count>=16", "cluster_locale=North America"),
    ("accelerator_architecture=Hopper", "node_hourly_price<=1", "cluster_locale=any"),
    ("accelerator_memory_size>=100G", "node_vcpus_count<=16", "cluster_locale=any"),
    ("network_performance>=9T", "cluster_locale=any"),
    ("storage_size>=1P", "storage_type=ssd"),
    ("processor_core_clock>=5G", "node_memory_size>=1T", "node_provider=ec2"),
    ("total_vcpus>=4096", "node_count<=2", "node_provider=gcp"),
    ("accelerator=H100", "node_provider=gcp", "market=spot", "cluster_locale=any", "node_hourly_price<=0.01"),
    ("accelerator=H100", "node_provider=ec2", "market=any", "node_memory_size>=3T", "node_hourly_price<=1"),
    ("total_vcpus>=512", "cluster_hourly_price<=0.5", "cluster_locale=Germany"),
    ("node_vcpus_count=7", "node_memory_size=13G", "cluster_locale=Europe"),
    ("total_accelerators>=64", "node_count=2", "accelerator_manufacturer=NVIDIA", "cluster_locale=us-east-1"),
]


@pytest.mark.parametrize("texts", DOZEN, ids=" ".join)
def test_a_dozen_of_the_full_catalog_are_true_and_nearest(solve: Solve, full: Catalog, texts: tuple[str, ...]) -> None:
    """Each buys what it says; and of a number that was loosened, anything nearer buys nothing."""
    with pytest.raises(NoMatch) as caught:
        solve(full, *texts)
    assert caught.value.relaxations
    for each in caught.value.relaxations:
        kept = [text for text in texts if not text.startswith(tuple(each.instead))]
        found = solve(full, *kept, *each.instead.values())
        offer = found.best.offer
        assert (each.instance_type, each.region, each.hourly_usd) == (
            offer.instance_type,
            offer.place.region,
            offer.hourly_usd,
        )
        ((name, told), *more) = each.instead.items()
        asked = next((text for text in texts if text.startswith(name)), told)
        if not more and (nearer := _nearer(asked, told)):
            with pytest.raises(NoMatch):
                solve(full, *kept, nearer)


def _nearer(asked: str, told: str) -> str:
    """The values that are nearer to what was asked for than what is told; where that is anything, all there are."""
    (feature, wish), (_, other) = parse_constraint(asked), parse_constraint(told)
    if not isinstance(wish, Range) or not isinstance(other, Range):
        return ""
    ends = [(_exact(wish.low), _exact(other.low)), (_exact(wish.high), _exact(other.high))]
    (low, less), (high, more) = ends
    given_up = [(low, less)] * (less < low) + [(high, more)] * (more > high)
    far = max((abs(bound - end) / bound for bound, end in given_up if bound and end), default=0) or 10**9
    parts = 10**6 if feature.name.endswith("price") else 1
    least = max(math.floor(ends[0][0] * (1 - far) * parts) + 1, 1)
    most = math.ceil(ends[1][0] * (1 + far) * parts) - 1
    between = Range(*(bound and (n / parts if parts > 1 else n) for bound, n in ((wish.low, least), (wish.high, most))))
    return format_constraint(feature, between)


def _exact(number: float | None) -> Fraction:
    return Fraction(str(number or 0))
