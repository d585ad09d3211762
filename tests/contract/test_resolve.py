"""Resolving: the probes of the originals, the order, the errors."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.document import Contract
from cloudclusters.contract.resolution import KEPT, Resolution
from cloudclusters.errors import Ambiguous, InvalidContract, NoMatch
from cloudclusters.settings import Settings

GiB = 2**30
Solve = Callable[..., Resolution]
FX02 = ("node_memory_size>=512G", "accelerator_count=8", "accelerator_architecture=Ada")
FX03 = ("node_memory_size>=256G", "accelerator_count>=4", "accelerator_architecture=Ada")


def names(resolution: Resolution, role: int = 0) -> list[str]:
    """The instance types of a role's choices, in order."""
    return [each.offer.instance_type for each in resolution.roles[role].choices]


def test_fx_01_a_named_machine_type_resolves_to_itself(solve: Solve, full: Catalog) -> None:
    """FX-01: four nodes of t3.xlarge are t3.xlarge on EC2."""
    found = solve(full, "node_count=4", "node_machinetype=t3.xlarge")
    assert found.best.offer.provider == "ec2"
    assert names(found) == ["t3.xlarge"]
    assert found.best.cluster_usd == pytest.approx(4 * found.best.offer.hourly_usd)


def test_fx_02_is_unique_in_the_readme_catalog(solve: Solve, readme: Catalog) -> None:
    """FX-02: at least 512 GiB, exactly 8 accelerators, Ada: g6.48xlarge."""
    assert names(solve(readme, *FX02, "strict=true")) == ["g6.48xlarge"]


def test_fx_02_ranks_g6_48xlarge_first_in_the_full_catalog(solve: Solve, full: Catalog) -> None:
    """Another type fits there too, and is dearer."""
    assert names(solve(full, *FX02)) == ["g6.48xlarge", "g6e.48xlarge"]


def test_fx_03_gives_three_types_in_the_readme_catalog_and_six_in_the_full_one(
    solve: Solve, readme: Catalog, full: Catalog
) -> None:
    """FX-03: at least four accelerators, Ada, at least 256 GiB; g6.12xlarge has 192 GiB."""
    assert sorted(names(solve(readme, *FX03))) == ["g2-standard-96", "g6.24xlarge", "g6.48xlarge"]
    assert len(names(solve(full, *FX03))) == 6


def test_order_is_price_then_fit_then_date_then_names(solve: Solve) -> None:
    """Equal prices go to the tighter fit, then to the newer price, then by name."""
    types = [
        MachineType("ec2", name, vcpus=cpus, memory_bytes=8 * GiB)
        for name, cpus in (("a.wide", 8), ("b.old", 4), ("c.new", 4), ("d.new", 4), ("e.cheap", 64), ("f.unpriced", 4))
    ]
    prices = [
        Price("ec2", "a.wide", "us-east-1", 1.0, date="2026-01-01"),
        Price("ec2", "b.old", "us-east-1", 1.0, date="2025-01-01"),
        Price("ec2", "c.new", "us-east-1", 1.0, date="2026-01-01"),
        Price("ec2", "d.new", "us-east-1", 1.0, date="2026-01-01"),
        Price("ec2", "e.cheap", "us-east-1", 0.5, date="2020-01-01"),
    ]
    found = solve(Catalog.build(types, prices), "node_vcpus_count>=4")
    assert names(found) == ["e.cheap", "c.new", "d.new", "b.old", "a.wide", "f.unpriced"]
    assert found.roles[0].choices[-1].cluster_usd is None


def test_the_configured_region_is_used_and_wins_ties(solve: Solve) -> None:
    """Without a place the configured region counts; with the whole world, it wins a tie."""
    types = [MachineType("ec2", "a.x")]
    prices = [Price("ec2", "a.x", region, 1.0) for region in ("ap-south-1", "eu-west-1", "us-east-1")]
    catalog = Catalog.build(types, prices)
    settings = Settings.load(environ={"CLOUDCLUSTERS_EC2_REGION": "eu-west-1", "CLOUDCLUSTERS_HOME": "/nowhere"})
    alone = solve(catalog, settings=settings)
    assert [c.offer.place.region for c in alone.roles[0].choices] == ["eu-west-1"]
    assert alone.notes == ()
    world = solve(catalog, "cluster_locale=any", settings=settings)
    assert [c.offer.place.region for c in world.roles[0].choices] == ["eu-west-1", "ap-south-1", "us-east-1"]


def test_without_a_configured_region_the_reference_is_taken_and_said(solve: Solve, full: Catalog) -> None:
    """`resolve` compares by the reference region, and names it."""
    found = solve(full, *FX03)
    assert found.regions == {"ec2": "us-east-1", "gcp": "us-central1"}
    assert set(found.assumed) == {"ec2", "gcp"}
    assert "us-east-1" in found.notes[0]


def test_a_locale_is_a_continent_a_region_or_a_zone(solve: Solve, full: Catalog) -> None:
    """The zone that the contract names is the offer's."""
    catalog = full
    europe = solve(catalog, "node_machinetype=t3.xlarge", "cluster_locale=Europe")
    assert all(c.offer.place.region.startswith("eu-") for c in europe.roles[0].choices)
    zone = solve(catalog, "node_machinetype=t3.xlarge", "cluster_locale=us-east-1a").best.offer.place
    assert (zone.region, zone.zone) == ("us-east-1", "us-east-1a")


@pytest.mark.parametrize(
    ("locale", "places"),
    [
        ("us-east-1,!=us-east-1a|us-east-1b", ["us-east-1c", "us-east-1d", "us-east-1f"]),
        ("us-east-1d|us-east-1a", ["us-east-1a", "us-east-1d"]),
        ("us-east-1a|us-east-2", ["us-east-1a", "us-east-2"]),
        ("us-east-1a|us-east-1", ["us-east-1"]),
        ("Virginia|Ireland", ["eu-west-1", "us-east-1"]),
        ("us-east-1|us-east-2,!=us-east-1", ["us-east-2"]),
        ("us-east-1a|us-east-2,!=us-east-1", ["us-east-2"]),
        ("Germany|us-east-2,!=us-east-2a", ["eu-central-1", "us-east-2b", "us-east-2c"]),
    ],
)
def test_several_places_and_zones(solve: Solve, full: Catalog, locale: str, places: list[str]) -> None:
    """One offer for each zone that is named or left over, where the type is sold; the others in the region."""
    found = solve(full, "node_machinetype=t3.xlarge", f"cluster_locale={locale}")
    assert sorted(str(choice.offer.place) for choice in found.roles[0].choices) == places


def test_zone_where_the_type_is_not_sold(solve: Solve, full: Catalog) -> None:
    """Its region is not enough."""
    with pytest.raises(NoMatch) as caught:
        solve(full, "node_machinetype=g6.xlarge", "cluster_locale=us-east-1e")
    assert set(caught.value.conflicts) == {"node_machinetype=g6.xlarge", "cluster_locale=us-east-1e"}
    assert str(caught.value.relaxations[0]).startswith("cluster_locale=us-east-1 buys g6.xlarge")


def test_a_price_limit_holds_and_an_unknown_price_does_not_satisfy_it(solve: Solve, readme: Catalog) -> None:
    """node_hourly_price is about offers."""
    found = solve(readme, *FX03, "node_hourly_price<=9")
    assert all((c.offer.hourly_usd or 99) <= 9 for c in found.roles[0].choices)
    assert "g6.48xlarge" not in names(found)


def test_strict_refuses_several_types_and_lists_them(solve: Solve, readme: Catalog) -> None:
    """As CloudClusters does, but with names."""
    with pytest.raises(Ambiguous) as caught:
        solve(readme, *FX03, "strict=true")
    assert caught.value.candidates == ("ec2 g6.24xlarge", "gcp g2-standard-96", "ec2 g6.48xlarge")


def test_nothing_fits_names_a_minimal_conflict(solve: Solve, readme: Catalog) -> None:
    """Each of the two is met by some type, both by none; the other constraints are not blamed."""
    with pytest.raises(NoMatch) as caught:
        solve(readme, "node_memory_size>=1T", "accelerator_architecture=Ada", "node_vcpus_count>=2")
    assert caught.value.conflicts == ("node_memory_size>=1T", "accelerator_architecture=Ada")
    assert "node_memory_size>=768G buys g6.48xlarge" in caught.value.hint


def test_a_place_where_it_is_not_sold_is_the_conflict(solve: Solve, full: Catalog) -> None:
    """The type exists, but not there."""
    with pytest.raises(NoMatch) as caught:
        solve(full, "node_machinetype=g6.48xlarge", "cluster_locale=Africa")
    assert set(caught.value.conflicts) == {"node_machinetype=g6.48xlarge", "cluster_locale=Africa"}


def test_a_price_nobody_offers_is_the_conflict(solve: Solve, readme: Catalog) -> None:
    """Price and what makes it dear are named, not the place."""
    with pytest.raises(NoMatch) as caught:
        solve(readme, "accelerator_count=8", "node_hourly_price<=1")
    assert set(caught.value.conflicts) == {"accelerator_count=8", "node_hourly_price<=1"}


def test_unknown_names_are_told_with_near_names(readme: Catalog, contract: Callable[..., Contract]) -> None:
    """A misspelt machine type is no empty resolution."""
    with pytest.raises(InvalidContract, match=r"g6\.48xlrage.*did you mean 'g6\.48xlarge'"):
        contract("node_machinetype=g6.48xlrage", catalog=readme)
    with pytest.raises(InvalidContract, match="no machines of the provider 'docker'"):
        contract("node_provider=docker", catalog=readme)


def test_local_and_fake_are_chosen_only_by_name(solve: Solve, readme: Catalog) -> None:
    """The default provider is any cloud."""
    free = Catalog.build(
        [MachineType("local", "this-machine", vcpus=64)], [Price("local", "this-machine", "local", 0.0)]
    )
    both = readme.joined(free)
    assert "this-machine" not in names(solve(both, "node_vcpus_count>=1"))
    found = solve(both, "node_provider=local", "node_count=4")
    assert names(found) == ["this-machine"]
    assert (found.best.cluster_usd, found.best.offer.place.region, found.best.deployable) == (0.0, "local", True)


def test_roles_share_assumptions_key_by_key_and_stand_together(solve: Solve, readme: Catalog) -> None:
    """CC-029 is not copied: what is common counts for every role that does not override it."""
    found = solve(
        readme,
        "cluster_type=ManagerWorkers",
        "node_count=4",
        "node_vcpus_count>=4",
        "node_memory_size>=8G",
        "manager.node_memory_size<=16G",
        "worker.accelerator_count>=1",
    )
    manager, worker = found.roles
    assert (manager.count, worker.count) == (1, 4)
    assert set(manager.assumptions) == {"node_provider", "node_vcpus_count", "node_memory_size"}
    assert manager.choices[0].offer.provider == worker.choices[0].offer.provider
    assert manager.choices[0].cluster_usd == worker.choices[0].cluster_usd


def test_roles_without_a_common_provider_are_refused(solve: Solve, readme: Catalog) -> None:
    """One cluster stands at one provider, in one region."""
    with pytest.raises(NoMatch, match="no provider has machines for all roles in one region"):
        solve(
            readme,
            "cluster_type=ManagerWorkers",
            "manager.node_machinetype=t3.xlarge",
            "worker.node_machinetype=g2-standard-96",
        )


def test_the_spot_market_uses_spot_prices(solve: Solve, full: Catalog) -> None:
    """`market=spot` in the contract ranks by spot prices and says so in the offer."""
    found = solve(full, "node_machinetype=g2-standard-96", "market=spot")
    demand = solve(full, "node_machinetype=g2-standard-96")
    assert found.best.offer.market is Market.SPOT
    assert (found.best.offer.hourly_usd or 99) < (demand.best.offer.hourly_usd or 0)


def test_possible_accepts_types_that_may_land_on_a_fitting_processor(solve: Solve, full: Catalog) -> None:
    """Alternatives must all fit, unless possible=true."""
    texts = ("node_provider=azure", "node_machinetype=Standard_D2s_v3", "processor_microarchitecture=Skylake")
    with pytest.raises(NoMatch, match="possible=True"):
        solve(full, *texts)
    assert names(solve(full, *texts, "possible=true")) == ["Standard_D2s_v3"]


def test_fx_07_two_contracts_resolve_to_two_successes(solve: Solve, readme: Catalog) -> None:
    """Resolution is a function of its arguments: a list of contracts is a list of resolutions."""
    found = [solve(readme, *texts) for texts in (FX02, ("node_machinetype=t3.xlarge",))]
    assert [names(each) for each in found] == [["g6.48xlarge"], ["t3.xlarge"]]


def test_a_resolution_survives_json_prints_well_and_is_bounded(solve: Solve, full: Catalog) -> None:
    """What the store keeps is what was made."""
    found = solve(full, "cluster_locale=any", "node_machinetype=t3|m5|c5")
    again = msgspec.json.decode(msgspec.json.encode(found), type=Resolution)
    assert again == found
    assert len(found.roles[0].choices) == KEPT < found.roles[0].total
    assert f"and {found.roles[0].total - 10} more offers" in str(found)
    assert found.contract in repr(found)
    assert json.dumps(found.rows())


def test_rejections_count_types_alone_and_unknown(solve: Solve, readme: Catalog) -> None:
    """What each constraint costs."""
    found = solve(readme, *FX02).roles[0]
    by_text = {each.constraint: each for each in found.rejections}
    memory = by_text["node_memory_size>=512G"]
    assert found.considered == len(readme.machine_types())
    assert memory.types == sum(1 for m in readme.machine_types() if (m.memory_bytes or 0) < 512 * GiB)
    assert by_text["accelerator_architecture=Ada"].alone == 1


def test_the_same_question_has_the_same_answer(solve: Solve, full: Catalog) -> None:
    """Nothing depends on order, time or the process."""
    assert solve(full, *FX03) == solve(full, *FX03)
