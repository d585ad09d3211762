"""Asking a catalog: offers and their order, places, markets, several sources as one, and files that are none."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Candidate, Catalog, Demand, MachineType, Offering, Price, Region
from cloudclusters.catalog.answers import Answers
from cloudclusters.errors import InternalError, StoreError, UnknownName
from cloudclusters.vocabulary import constrain, feature

SMALL = MachineType("ec2", "t3.micro", family="t3", vcpus=2, memory_bytes=2**30, spot=True)
LARGE = MachineType("ec2", "m5.large", family="m5", vcpus=2, memory_bytes=2**33, spot=False)
CLOUDY = MachineType("gcp", "e2-medium", family="e2", vcpus=2, memory_bytes=2**32)
HERE = MachineType("local", "here", vcpus=2, memory_bytes=2**34)
EUROPE = {"eu-west-1", "europe-west1"}


def asks(**features: object) -> list[Demand]:
    """Demands as a user writes them."""
    return [(feature(name), constrain(feature(name), value)) for name, value in features.items()]


def named(candidates: list[Candidate]) -> list[tuple[str, str, float | None]]:
    """What matters of candidates: type, region, price."""
    return [(c.offer.instance_type, c.offer.place.region, c.offer.hourly_usd) for c in candidates]


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """Three types, some priced, some only sold."""
    prices = [
        Price("ec2", "t3.micro", "us-east-1", 0.01, date="2026-01-01", spot_savings_percent=60),
        Price("ec2", "t3.micro", "eu-west-1", 0.012, date="2026-01-01"),
        Price("ec2", "m5.large", "us-east-1", 0.1, date="2022-01-01"),
        Price("ec2", "m5.large", "us-west-2", 0.1, date="2026-01-01"),
        Price("gcp", "e2-medium", "us-central1", 0.03, 0.009, date="2026-01-01", spot_date="2026-02-01"),
    ]
    offerings = [
        Offering("ec2", "m5.large", "eu-west-1", ("eu-west-1a",)),
        Offering("ec2", "m5.large", "us-east-1", ("us-east-1a", "us-east-1b")),
    ]
    regions = [Region("ec2", "eu-west-1", ("eu-west-1a", "eu-west-1b")), Region("gcp", "us-central1")]
    with Catalog.build([SMALL, LARGE, CLOUDY], prices, offerings=offerings, regions=regions, date="2026-02-01") as made:
        yield made


def test_offers_come_cheapest_first_and_unpriced_last(catalog: Catalog) -> None:
    """Of equal prices the newer one comes first; a place without a price comes after all."""
    assert named(catalog.offers([])) == [
        ("t3.micro", "us-east-1", 0.01),
        ("t3.micro", "eu-west-1", 0.012),
        ("e2-medium", "us-central1", 0.03),
        ("m5.large", "us-west-2", 0.1),
        ("m5.large", "us-east-1", 0.1),
        ("m5.large", "eu-west-1", None),
    ]


def test_best_is_the_first_offer_of_each_type(catalog: Catalog) -> None:
    """Each type appears once, with the offer that comes first of its own."""
    assert named(catalog.offers([], best=True)) == [
        ("t3.micro", "us-east-1", 0.01),
        ("e2-medium", "us-central1", 0.03),
        ("m5.large", "us-west-2", 0.1),
    ]


@pytest.mark.parametrize("most", [0, 1, 3, 6, 99])
@pytest.mark.parametrize("best", [False, True])
def test_most_gives_the_first_of_all(catalog: Catalog, most: int, best: bool) -> None:
    """Asking for fewer gives the same candidates, only fewer."""
    assert catalog.offers([], most=most, best=best) == catalog.offers([], best=best)[:most]


def test_regions_narrow_and_say_what_is_not_sold_there(catalog: Catalog) -> None:
    """A type that is known to be sold elsewhere only is there, without a place, and not available."""
    found = catalog.offers([], EUROPE)

    assert named(found) == [("t3.micro", "eu-west-1", 0.012), ("m5.large", "eu-west-1", None), ("e2-medium", "", None)]
    assert [c.offer.available for c in found] == [True, True, False]


def test_a_type_sold_nowhere_known_may_be_available(catalog: Catalog) -> None:
    """What nobody knows is not called unavailable."""
    with Catalog.build([CLOUDY]) as bare:
        found = bare.offers([], EUROPE)

    assert named(found) == [("e2-medium", "", None)]
    assert found[0].offer.available


def test_a_price_without_a_place_holds_everywhere(catalog: Catalog) -> None:
    """This machine has no region and is found whatever regions are asked for."""
    with Catalog.build([HERE], [Price("local", "here", "", 0.0)]) as here:
        assert named(here.offers([], EUROPE)) == [("here", "", 0.0)]


def test_spot_offers_have_spot_prices_and_leave_out_types_without_spot(catalog: Catalog) -> None:
    """An average saving is passed on but is no price."""
    found = catalog.offers([], market=Market.SPOT)

    assert named(found) == [
        ("e2-medium", "us-central1", 0.009),
        ("t3.micro", "eu-west-1", None),
        ("t3.micro", "us-east-1", None),
    ]
    assert {c.offer.market for c in found} == {Market.SPOT}
    assert [c.offer.price_date for c in found] == ["2026-02-01", "", ""]
    assert [c.spot_savings_percent for c in found] == [None, None, 60]


def test_offers_meet_the_demands(catalog: Catalog) -> None:
    """Only types that meet every demand are offered."""
    assert {c.offer.instance_type for c in catalog.offers(asks(node_memory_size=">=2G", node_provider="ec2"))} == {
        "m5.large"
    }


def test_masks_tell_met_missed_and_unknown(catalog: Catalog) -> None:
    """Bit i is demand i; a cell that is not known is in the second mask and never in the first."""
    judged = catalog.judge(asks(node_memory_size=">=2G", accelerator_count=8, node_machinetype="t3"))

    assert [(row.instance_type, row.met, row.unknown) for row in judged] == [
        ("m5.large", 0b001, 0b010),
        ("t3.micro", 0b100, 0b010),
        ("e2-medium", 0b001, 0b010),
    ]


def test_alternatives_must_all_hold_unless_possible_is_enough(packaged: Catalog) -> None:
    """D2s_v3 may run on six processors, from Haswell to Emerald Rapids."""
    newer = asks(node_machinetype="Standard_D2s_v3", processor_microarchitecture=">=IceLake")

    assert packaged.offers(newer) == []
    assert packaged.offers(newer, possible=True, most=1)[0].machine.instance_type == "Standard_D2s_v3"


def test_a_share_of_a_device_is_not_a_device(packaged: Catalog) -> None:
    """One accelerator is one whole accelerator; no accelerator is none."""
    one = packaged.offers(asks(accelerator_count=1, node_provider="ec2", node_machinetype="g6f|g6"), best=True)
    none = packaged.offers(asks(accelerator_count=0, accelerator_type="GPU"))

    assert {c.machine.family for c in one} == {"g6"}
    assert none == []


def test_eight_ada_accelerators_with_512_gib(packaged: Catalog) -> None:
    """The cheapest machine with 8 Ada GPUs and 512 GiB is g6.48xlarge (FX-02)."""
    found = packaged.offers(
        asks(node_memory_size=">=512G", accelerator_count=8, accelerator_architecture="Ada"), best=True
    )

    assert [c.offer.instance_type for c in found] == ["g6.48xlarge", "g6e.48xlarge"]
    assert (found[0].offer.place.region, found[0].offer.hourly_usd) == ("us-east-1", 13.3504)


def test_four_ada_accelerators_with_256_gib(packaged: Catalog) -> None:
    """Six types have 4 or more Ada GPUs and 256 GiB (FX-03); g6.12xlarge has only 192."""
    found = packaged.offers(
        asks(node_memory_size=">=256G", accelerator_count=">=4", accelerator_architecture="Ada"), best=True
    )

    assert {c.offer.instance_type for c in found} == {
        "g6.24xlarge", "g6.48xlarge", "g6e.12xlarge", "g6e.24xlarge", "g6e.48xlarge", "g2-standard-96",
    }  # fmt: skip


def test_joined_catalogs_are_asked_as_one(catalog: Catalog) -> None:
    """The last source's facts and prices of a type count, and the order runs over all."""
    newer = MachineType("ec2", "t3.micro", family="t3", vcpus=4, memory_bytes=2**30)
    with Catalog.build([newer, HERE], [Price("ec2", "t3.micro", "us-east-1", 0.05)]) as other:
        both = catalog.joined(other)

        assert [row.instance_type for row in both.judge([])] == ["m5.large", "e2-medium", "t3.micro", "here"]
        assert named(both.offers([]))[:2] == [("e2-medium", "us-central1", 0.03), ("t3.micro", "us-east-1", 0.05)]
        assert named(both.offers([], most=2)) == named(both.offers([]))[:2]
        assert both.machine_type("ec2", "t3.micro") == both.offers(asks(node_machinetype="t3.micro"))[0].machine
        assert both.names("ec2") == ["m5.large", "t3.micro"]
        assert both.providers() == ["ec2", "gcp", "local"]
        assert len({both.digest, catalog.digest, other.digest}) == 3
        assert both.date == "2026-02-01"


def test_digest_does_not_depend_on_the_order_of_rows() -> None:
    """The same facts have the same digest, other facts another."""
    one, same, other = (
        Catalog.build([SMALL, CLOUDY]),
        Catalog.build([CLOUDY, SMALL]),
        Catalog.build([SMALL, CLOUDY], [Price("gcp", "e2-medium", "us-central1", 0.03)]),
    )
    with one, same, other:
        assert one.digest == same.digest != other.digest


def test_lookups(catalog: Catalog) -> None:
    """Names, families, regions and zones; nothing for what is not there."""
    assert catalog.machine_type("gcp", "t3.micro") is None
    assert catalog.prices_of("aws", "t3.micro") == []
    assert catalog.offerings_of("ec2", "m5.large")[0].zones == ("eu-west-1a",)
    assert catalog.families() == ["e2", "m5", "t3"]
    assert [r.region for r in catalog.regions("gcp")] == ["us-central1"]
    assert catalog.zones("eu-west-1") == ("eu-west-1a", "eu-west-1b")
    assert catalog.zones("nowhere") == ()


def test_regions_of_a_place(packaged: Catalog) -> None:
    """A continent, a region and a zone each say which regions are meant."""
    europe = packaged.regions_in("Europe")

    assert {"eu-west-1", "europe-west1", "westeurope"} <= set(europe)
    assert not {"us-east-1", "eastus"} & set(europe)
    assert packaged.regions_in("us-east-1") == packaged.regions_in("us-east-1a") == ["us-east-1"]
    assert len(packaged.regions_in("any")) == 142
    with pytest.raises(UnknownName):
        packaged.regions_in("Atlantis")


def test_threads_may_ask_more_than_is_kept() -> None:
    """Answers that are kept give way to others while another thread adds to them."""
    answers, before = Answers[int](), sys.getswitchinterval()
    sys.setswitchinterval(1e-7)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(lambda: [answers.of(n, lambda: 1) for n in range(30_000)]) for _ in range(4)]
            assert all(set(each.result()) == {1} for each in found)
    finally:
        sys.setswitchinterval(before)


def test_threads_may_share_a_catalog(packaged: Catalog) -> None:
    """The same question gets the same answer from eight threads at once."""
    question = asks(node_memory_size=">=512G", accelerator_architecture="Ada")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: packaged.offers(question), range(16)))

    assert all(answer == answers[0] for answer in answers)


def test_a_type_or_a_price_that_is_there_twice_is_our_mistake() -> None:
    """A catalog that contradicts itself is not built."""
    price = Price("ec2", "t3.micro", "us-east-1", 0.01)
    with pytest.raises(InternalError, match="twice"):
        Catalog.build([SMALL, SMALL])
    with pytest.raises(InternalError, match="twice"):
        Catalog.build([SMALL], [price, price])
    with pytest.raises(InternalError, match="no machine type"):
        Catalog.build([LARGE], [price])


def test_too_many_demands_are_refused(catalog: Catalog) -> None:
    """A mask that cannot hold the answer is not cut short."""
    with pytest.raises(InternalError, match="62"):
        catalog.judge(asks(node_memory_size=">=2G") * 63)


def test_a_file_that_is_no_catalog_is_told(tmp_path: Path) -> None:
    """Missing, foreign and newer files each get a clear answer."""
    missing, foreign, newer = (tmp_path / name for name in ("missing", "foreign", "newer"))
    foreign.write_bytes(b"not a database, " * 100)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("CREATE TABLE meta (key, value)")
        connection.execute("INSERT INTO meta VALUES ('version', '99')")

    for path in (missing, foreign):
        with pytest.raises(StoreError, match="cannot be read"):
            Catalog.open(path)
    with pytest.raises(StoreError, match="another release"):
        Catalog.open(newer)
