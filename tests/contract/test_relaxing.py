"""What to ask for instead when nothing fits: by example, most of them of the full catalog."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from asking import FACTS, buys_what_it_says, nearer, solved

from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES

Solve = Callable[..., Resolution]


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
    buys_what_it_says(catalog, wanted, only)


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
        if not more and (less := nearer(asked, told)):
            with pytest.raises(NoMatch):
                solve(full, *kept, less)
