"""Planning: what is taken, what is said before the yes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest

from cloudclusters.base.cloud import Offer, Place
from cloudclusters.catalog import Catalog, MachineType, Price, Region
from cloudclusters.contract.document import Contract, Plan
from cloudclusters.contract.plan import _foreign, plan
from cloudclusters.contract.resolution import Choice, ProviderFacts, RoleResolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import InvalidContract, InvalidSetting, MissingExtra, NoMatch, NotSupported
from cloudclusters.settings import Settings

NOW = 1.8e9  # 2027-01-15
Facts = Mapping[str, ProviderFacts]
Contracts = Callable[..., Contract]
GiB = 2**30


def installed(*names: str, **more: object) -> dict[str, ProviderFacts]:
    """Providers that can be deployed to."""
    return {name: msgspec.convert({"name": name, **more}, ProviderFacts) for name in names}


def planned(contract: Contract, catalog: Catalog, facts: Facts, *, at: float = NOW, **variables: str) -> Plan:
    """Resolve and plan."""
    settings = Settings.load(environ={"CLOUDCLUSTERS_HOME": "/nowhere", **variables})
    found = resolve(contract, catalog, settings, providers=facts, at=at)
    return plan(found, contract, settings, facts, at=at)


def test_a_plan_takes_the_best_and_names_fallbacks(contract: Contracts, readme: Catalog) -> None:
    """The first choice, and the next ones of its provider."""
    made = planned(
        contract("node_count=4", "accelerator_count>=4", "node_process_count=2", "node_provider=ec2"),
        readme,
        installed("ec2", "gcp"),
        CLOUDCLUSTERS_EC2_REGION="us-east-1",
        CLOUDCLUSTERS_GCP_REGION="us-central1",
    )
    (role,) = made.roles
    assert (role.offer.instance_type, role.count) == ("g6.12xlarge", 4)
    assert [each.instance_type for each in role.fallbacks] == ["g6.24xlarge", "g6.48xlarge", "p5.48xlarge"]
    assert (made.provider, made.engine, made.environment, made.node_process_count) == ("ec2", "dask", "sync", 2)
    assert made.hourly_usd == 4.0


def test_the_digest_covers_all_but_created(contract: Contracts, readme: Catalog, facts: Facts) -> None:
    """The same decision has the same digest; another engine has another one."""
    free = readme.joined(Catalog.build([MachineType("local", "m")], [Price("local", "m", "local", 0.0)]))
    one = planned(contract("node_provider=local"), free, facts, at=NOW)
    two = planned(contract("node_provider=local"), free, facts, at=NOW + 5)
    other = planned(contract("node_provider=local", "engine=none"), free, facts)
    assert one.digest == two.digest != other.digest
    assert one.created != two.created
    assert len(one.digest) == 64
    assert msgspec.json.decode(msgspec.json.encode(one), type=Plan) == one


def test_what_cannot_be_deployed_is_skipped_and_said_to_be_cheaper(contract: Contracts, readme: Catalog) -> None:
    """Take the best that can; name what would be cheaper elsewhere."""
    made = planned(
        contract("accelerator_count>=4", "node_memory_size>=256G"),
        readme,
        {**installed("gcp"), **installed("ec2", installed=False)},
        CLOUDCLUSTERS_GCP_REGION="us-central1",
    )
    assert made.roles[0].offer.instance_type == "g2-standard-96"
    assert made.warnings[0].startswith("cheaper elsewhere: g6.24xlarge at ec2 in us-east-1 for 6.68 USD/h in all")


def test_nothing_installed_gives_the_install_line(contract: Contracts, readme: Catalog, facts: Facts) -> None:
    """A provider without its extra names the line to type; one that is not there yet says so."""
    with pytest.raises(MissingExtra, match=r"pip install 'cloudclusters\[gcp\]'"):
        planned(contract("node_provider=gcp"), readme, facts)
    with pytest.raises(NotSupported, match="this release cannot deploy there"):
        planned(contract("node_provider=ec2"), readme, facts)


def test_a_region_must_be_chosen(contract: Contracts, readme: Catalog) -> None:
    """`resolve` compares by a reference region; `plan` does not spend money there unasked."""
    with pytest.raises(InvalidContract, match="cluster_locale=us-east-1"):
        planned(contract("node_machinetype=t3.xlarge"), readme, installed("ec2"))
    asked = contract("node_machinetype=t3.xlarge", "cluster_locale=us-east-1")
    assert planned(asked, readme, installed("ec2")).provider == "ec2"


def test_a_region_that_nobody_knows_is_told(contract: Contracts, full: Catalog) -> None:
    """Not as machines that do not exist: with the region that was meant."""
    with pytest.raises(InvalidSetting, match=r"ec2 has no region 'us-esat-1' .*did you mean 'us-east-1'"):
        planned(contract("node_provider=ec2"), full, installed("ec2"), CLOUDCLUSTERS_EC2_REGION="us-esat-1")


def test_a_region_of_another_provider_is_told_with_what_asks_for_it_alone(contract: Contracts, full: Catalog) -> None:
    """What stands in the contract holds for all providers: no section of theirs can correct it."""
    with pytest.raises(InvalidSetting, match="azure has no region 'us-east-1'") as caught:
        planned(contract("region=us-east-1"), full, installed("ec2"))
    assert "write cluster_locale=us-east-1 or node_provider=ec2" in str(caught.value)
    for more in ("cluster_locale=us-east-1", "node_provider=ec2"):
        (role,) = planned(contract("region=us-east-1", more), full, installed("ec2")).roles
        assert role.offer.place.region == "us-east-1"


ZONES = [
    ("mars", "us-west-2", "ec2 has no zone 'mars' in the catalog\n.*zones of us-west-2 are us-west-2a, us-west-2b"),
    ("us-west-2x", "us-west-2", r"ec2 has no zone 'us-west-2x' in the catalog; did you mean 'us-west-2a'"),
    ("us-east-1a", "us-west-2", "the zone us-east-1a of ec2 lies in us-east-1, and not in us-west-2"),
    ("us-west-2-lax-1a", "us-east-1", "lies in us-west-2, and not in us-east-1"),
    ("us-east-1a", "Europe", "lies in us-east-1, and not in the regions that the contract allows"),
]


@pytest.mark.parametrize(("zone", "region", "said"), ZONES)
def test_a_zone_lies_in_the_region(contract: Contracts, full: Catalog, zone: str, region: str, said: str) -> None:
    """As far as zones are known, and else by its name; wherever region and zone are said."""
    named = [f"region={region}"] if region[0].islower() else [f"cluster_locale={region}"]
    for texts, more in (([*named, f"zone={zone}"], {}), (named, {"CLOUDCLUSTERS_EC2_ZONE": zone})):
        with pytest.raises(InvalidSetting, match=said):
            planned(contract("node_provider=ec2", *texts), full, installed("ec2"), **more)


@pytest.mark.parametrize(
    ("zone", "texts"),
    [
        ("us-west-2b", ("region=us-west-2",)),
        ("us-west-2-lax-1a", ("region=us-west-2",)),
        ("us-east-1a", ()),
        ("eu-west-1a", ("cluster_locale=Europe",)),
        ("us-east-1a", ("cluster_locale=any",)),
    ],
)
def test_a_zone_is_planned(contract: Contracts, full: Catalog, zone: str, texts: tuple[str, ...]) -> None:
    """It says the region where nothing else does; fallbacks stay in it."""
    made = planned(contract("node_provider=ec2", "node_vcpus_count=4", f"zone={zone}", *texts), full, installed("ec2"))

    (role,) = made.roles
    assert {(each.provider, each.place.zone) for each in (role.offer, *role.fallbacks)} == {("ec2", zone)}
    assert {zone.startswith(each.place.region) for each in (role.offer, *role.fallbacks)} == {True}
    assert zone in str(made)


def test_a_zone_that_the_contract_s_place_names_goes_before_the_setting(contract: Contracts, full: Catalog) -> None:
    """As the region does."""
    asked = contract("node_provider=ec2", "node_machinetype=t3.xlarge", "cluster_locale=us-east-1b")
    made = planned(asked, full, installed("ec2"), CLOUDCLUSTERS_EC2_ZONE="us-east-1a")

    assert made.roles[0].offer.place.zone == "us-east-1b"


@pytest.mark.parametrize(
    "more", [(), ("accelerator_count>=1",), ("total_vcpus>=512", "node_count=1..64"), ("market=any",)]
)
@pytest.mark.parametrize("zone", ["us-east-1e", "us-west-2d", "ap-south-1c"])
def test_the_setting_and_the_place_sell_the_same(
    contract: Contracts, full: Catalog, zone: str, more: tuple[str, ...]
) -> None:
    """A type that is not sold in the zone that is set is no option."""
    facts, settings = installed("ec2"), Settings.load(environ={"CLOUDCLUSTERS_HOME": "/nowhere"})
    asked = ("node_provider=ec2", "node_vcpus_count>=16", *more)
    (role,) = resolve(contract(*asked, f"zone={zone}"), full, settings, providers=facts, at=NOW).roles
    (other,) = resolve(contract(*asked, f"cluster_locale={zone}"), full, settings, providers=facts, at=NOW).roles

    def sold(found: RoleResolution) -> list[tuple[str, object, object, int]]:
        offers = [(choice.offer, choice.count) for choice in found.choices]
        return [(offer.instance_type, offer.market, offer.hourly_usd, count) for offer, count in offers]

    assert sold(role) == sold(other) != []
    assert (role.total, role.types) == (other.total, other.types)


@pytest.mark.parametrize("price", [None, 1.0])
def test_what_is_sold_nobody_knows_where_is_in_no_zone_that_is_set(contract: Contracts, price: float | None) -> None:
    """Nor is what has one price everywhere; the zone of another provider says nothing."""
    prices = [] if price is None else [Price("ec2", "a.x", "", price)]
    regions = [
        Region("ec2", "eu-west-1", zones=("eu-west-1a",)),
        Region("gcp", "europe-west3", zones=("europe-west3-a",)),
    ]
    catalog = Catalog.build([MachineType("ec2", "a.x", vcpus=2), MachineType("gcp", "b.x")], prices, regions=regions)
    asked, facts = ("node_machinetype=a.x", "cluster_locale=any"), installed("ec2", "gcp")

    for zone in ("eu-west-1a", "europe-west3-a"):
        with pytest.raises(NoMatch) as caught:
            planned(contract(*asked, f"zone={zone}"), catalog, facts)
        assert caught.value.hint == 'zone="" lets go of the zone'
    made = planned(contract(*asked), catalog, facts, CLOUDCLUSTERS_GCP_ZONE="europe-west3-a")
    assert made.roles[0].offer.place == Place()


def test_a_type_that_the_zone_does_not_have_is_told_with_the_zone(contract: Contracts, full: Catalog) -> None:
    """And that to let go of the zone would do; its region is nothing that gives way, nor in the way."""
    asked = ("node_provider=ec2", "node_machinetype=g6.48xlarge", "cluster_locale=us-east-1")

    with pytest.raises(NoMatch, match="48xlarge, in the zone us-east-1e that is set for ec2") as caught:
        planned(contract(*asked, "zone=us-east-1e"), full, installed("ec2"))

    assert caught.value.hint == 'zone="" lets go of the zone'
    assert caught.value.conflict_sets == (("node_machinetype=g6.48xlarge",),)
    assert [[*each.instead] for each in caught.value.relaxations] == [["node_machinetype"]]
    made = planned(contract(*asked, "zone="), full, installed("ec2"), CLOUDCLUSTERS_EC2_ZONE="us-east-1e")
    assert (made.roles[0].offer.instance_type, made.roles[0].offer.place.zone) == ("g6.48xlarge", "")


def test_a_zone_leaves_other_providers_out(contract: Contracts, full: Catalog) -> None:
    """Where the contract names no provider."""
    made = planned(contract("node_vcpus_count=4", "zone=us-central1-a"), full, installed("ec2", "gcp"))

    assert (made.provider, made.roles[0].offer.place.zone) == ("gcp", "us-central1-a")
    with pytest.raises(InvalidSetting, match="has no zone 'mars'"):
        planned(contract("node_vcpus_count=4", "zone=mars"), full, installed("ec2", "gcp"))


def test_a_zone_of_a_provider_whose_zones_nobody_knows_is_taken(contract: Contracts, readme: Catalog) -> None:
    """Its name may say the region, or nothing."""
    asked = ("node_provider=ec2", "node_machinetype=t3.xlarge", "region=us-east-1")

    for zone in ("us-east-1z", "mars"):
        made = planned(contract(*asked, f"zone={zone}"), readme, installed("ec2"))
        assert made.roles[0].offer.place.zone == zone


def test_zones_that_are_numbers_are_of_every_region(contract: Contracts, full: Catalog) -> None:
    """As Azure's are; of a region whose zones are not known, any number of another one."""
    made = planned(contract("node_provider=azure", "zone=3", "region=eastus"), full, installed("azure"))
    other = planned(contract("node_provider=azure", "zone=3", "region=westus"), full, installed("azure"))

    assert (made.roles[0].offer.place.zone, other.roles[0].offer.place.zone) == ("3", "3")
    with pytest.raises(InvalidSetting, match="azure has no zone '9'"):
        planned(contract("node_provider=azure", "zone=9", "region=eastus"), full, installed("azure"))


def test_an_unknown_price_is_never_chosen_silently(contract: Contracts) -> None:
    """Only a contract that names the type takes it, with a warning."""
    catalog = Catalog.build([MachineType("ec2", "a.x"), MachineType("ec2", "b.x")])
    with pytest.raises(NoMatch, match="no price is known for"):
        planned(contract("cluster_locale=any"), catalog, installed("ec2"))
    made = planned(contract("cluster_locale=any", "node_machinetype=a.x"), catalog, installed("ec2"))
    assert "the price of a.x is not known" in made.warnings
    assert made.hourly_usd is None


def test_an_old_price_is_said(contract: Contracts) -> None:
    """A price of more than a year ago may be wrong."""
    catalog = Catalog.build([MachineType("ec2", "a.x")], [Price("ec2", "a.x", "us-east-1", 1.0, date="2022-09-03")])
    made = planned(contract("cluster_locale=us-east-1"), catalog, installed("ec2"))
    assert made.warnings == ("the price of a.x in us-east-1 is of 2022-09-03, more than a year old",)


def test_what_no_catalog_tells_is_said(contract: Contracts) -> None:
    """It chose nothing, and the plan says so before the yes."""
    catalog = Catalog.build([MachineType("ec2", "a.x")], [Price("ec2", "a.x", "us-east-1", 1.0, date="2026-11-28")])
    made = planned(contract("cluster_locale=us-east-1", "node_memory_type=DDR5"), catalog, installed("ec2"))
    (told,) = made.warnings
    assert told.startswith("no catalog tells node_memory_type=DDR5: it chose nothing")


def test_nodes_that_share_a_machine_are_warned_of_their_share(contract: Contracts) -> None:
    """Four nodes on one machine do not have its memory each."""
    machine = MachineType("local", "m", vcpus=4, memory_bytes=16 * GiB)
    catalog = Catalog.build([machine], [Price("local", "m", "local", 0.0)])
    made = planned(
        contract("node_provider=local", "node_count=4", "node_memory_size>=8G"),
        catalog,
        installed("local", cloud=False, shared=True),
    )
    assert made.warnings == (
        "4 nodes share one machine: each has 4 GiB of node_memory_size, less than the 8 GiB asked for",
    )


def test_settings_that_the_provider_has_not_are_told(contract: Contracts) -> None:
    """Those of spot machines for nodes on this machine; what chooses among offers is of all providers."""
    free = Catalog.build([MachineType("local", "m")], [Price("local", "m", "local", 0.0)])
    facts = installed("local", cloud=False, shared=True)
    named = ("node_provider=local", "policy=tightest", "max_lifetime=8h")
    told = planned(contract(*named, "on_rebalance=retire", "on_demand_base=1"), free, facts)

    assert told.warnings == ("on_rebalance and on_demand_base have no effect: local has no such setting",)
    assert planned(contract(*named), free, facts).warnings == ()


def test_more_nodes_than_the_provider_takes_are_refused(contract: Contracts, readme: Catalog) -> None:
    """The limit is a fact of the provider."""
    with pytest.raises(InvalidContract, match="at most 2 per cluster"):
        planned(contract("node_count=3", "cluster_locale=us-east-1"), readme, installed("ec2", max_nodes=2))


def test_roles_are_planned_in_one_place(contract: Contracts, readme: Catalog) -> None:
    """Manager and workers at one provider, in one region, even where the cheapest manager is elsewhere."""
    made = planned(
        contract("cluster_type=ManagerWorkers", "node_count=2", "cluster_locale=any", "worker.accelerator_count>=8"),
        readme,
        installed("gcp"),
    )
    assert [(r.role, r.count, r.offer.provider) for r in made.roles] == [("manager", 1, "gcp"), ("worker", 2, "gcp")]


def test_the_settings_of_the_contract_win(contract: Contracts, readme: Catalog) -> None:
    """Contract over files; the image is a field of the plan."""
    made = planned(
        contract("node_machinetype=t3.xlarge", "region=us-east-1", "imageid=ami-2", "user=me"),
        readme,
        installed("ec2"),
        CLOUDCLUSTERS_EC2_IMAGEID="ami-1",
    )
    assert made.image == "ami-2"
    assert made.settings["user"] == "me"


def test_a_plan_and_a_contract_print_as_small_tables(contract: Contracts, readme: Catalog) -> None:
    """What is made, where, at which price."""
    asked = contract("node_machinetype=t3.xlarge", "cluster_locale=us-east-1", "node_count=4")
    made = planned(asked, readme, installed("ec2"))
    assert "0.6656 USD/h" in repr(made)
    assert str(asked).split("\n") == [
        "Contract FXqElAnSeTEpQAm, PeerWorkers, 4 nodes",
        "feature           constraint",
        "node_machinetype  t3.xlarge",
        "cluster_locale    us-east-1",
        f"digest  {asked.digest[:12]}",
    ]
    assert made.digest[:12] in str(made)


def test_foreign_processors_are_told_where_packages_are_sent() -> None:
    """The cheapest machine may be unable to run what is installed here."""
    choice = Choice(rank=1, offer=Offer(provider="ec2", instance_type="x2gd.medium"), isa="arm64")
    (warning,) = _foreign(choice, "x86_64")
    assert "x2gd.medium has arm64 processors" in warning
    assert "processor_isa=x86_64" in warning
    assert _foreign(choice, "arm64") == []
    assert _foreign(choice, "") == []
    assert _foreign(msgspec.structs.replace(choice, isa=""), "x86_64") == []
