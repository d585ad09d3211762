"""A survey of some regions goes into the catalog, and everything else stays as it was."""

from __future__ import annotations

import msgspec
import pytest

from cloudclusters.catalog import Catalog, Content, MachineType, Offering, Price, Region
from cloudclusters.catalog.refreshing import Changes, Survey, changes, merged

DAY = "2026-11-21"


def _type(name: str, provider: str = "ec2", **cells: object) -> MachineType:
    return MachineType(provider, name, **{"vcpus": 4, **cells})  # type: ignore[arg-type]


def _price(name: str, region: str, usd: float | None, spot: float | None = None, day: str = "2025-01-01") -> Price:
    return Price("ec2", name, region, usd=usd, spot_usd=spot, date=day, spot_date=day if spot else None)


OLD = Content(
    types=(
        _type("a.large", processor_model="AWS Graviton3", generation=7),
        _type("b.large"),
        _type("old.large"),
        _type("nowhere.large"),
        _type("n2", provider="gcp"),
    ),
    prices=(
        Price("ec2", "a.large", "r1", 0.1, spot_savings_percent=60, date="2025-01-01", spot_date="2025-01-01"),
        _price("a.large", "r2", 0.2),
        _price("b.large", "r1", 0.3, 0.03),
        _price("b.large", "r2", 0.4),
        _price("old.large", "r1", 0.5),
        Price("gcp", "n2", "r1", 0.9),
    ),
    offerings=(Offering("ec2", "old.large", "r1"), Offering("ec2", "a.large", "r1"), Offering("gcp", "n2", "r1")),
    regions=(Region("ec2", "r1", continent="Europe"), Region("ec2", "r2"), Region("gcp", "r1")),
    date="2025-01-01",
)


@pytest.fixture
def survey() -> Survey:
    """Region r1 sells `a.large` with other facts, and a type that is new; `b.large` and `old.large` no more."""
    return Survey(
        provider="ec2",
        regions=("r1",),
        content=Content(
            types=(_type("a.large", vcpus=8), _type("new.large")),
            prices=(_price("a.large", "r1", 0.11, 0.02, DAY), _price("new.large", "r1", 0.7, day=DAY)),
            offerings=(Offering("ec2", "a.large", "r1", ("r1a",)), Offering("ec2", "new.large", "r1")),
            regions=(Region("ec2", "r1", zones=("r1a",)),),
            date=DAY,
        ),
        priced=frozenset({"r1"}),
        spot=frozenset({"r1"}),
    )


def _prices(content: Content, name: str) -> dict[str, tuple[float | None, float | None]]:
    return {p.region: (p.usd, p.spot_usd) for p in content.prices if p.instance_type == name}


def test_what_is_told_replaces_and_what_is_not_told_stays(survey: Survey) -> None:
    """Live cells win; the processor's name, which no call gives, is kept; so is where the region lies."""
    new = merged(OLD, survey)

    (machine,) = (t for t in new.types if t.instance_type == "a.large")
    assert (machine.vcpus, machine.processor_model, machine.generation) == (8, "AWS Graviton3", 7)
    assert [(r.continent, r.zones) for r in new.regions if (r.provider, r.region) == ("ec2", "r1")] == [
        ("Europe", ("r1a",))
    ]
    assert _prices(new, "a.large") == {"r1": (0.11, 0.02), "r2": (0.2, None)}
    assert new.date == DAY


def test_averages_that_the_provider_publishes_are_kept(survey: Survey) -> None:
    """They are of no call."""
    new = merged(OLD, survey)

    assert next(p for p in new.prices if (p.instance_type, p.region) == ("a.large", "r1")).spot_savings_percent == 60


def test_types_go_only_where_nothing_is_left_of_them(survey: Survey) -> None:
    """Sold elsewhere, or nowhere that we know: it stays. Sold in that region alone, and no more: it goes."""
    new = merged(OLD, survey)

    assert {t.instance_type for t in new.types} == {"a.large", "b.large", "nowhere.large", "new.large", "n2"}
    assert _prices(new, "b.large") == {"r2": (0.4, None)}
    assert not _prices(new, "old.large")


def test_other_providers_are_not_touched(survey: Survey) -> None:
    """Even where their regions have the same name."""
    new = merged(OLD, survey)

    for table in ("types", "prices", "offerings", "regions"):
        before, after = ([row for row in getattr(each, table) if row.provider == "gcp"] for each in (OLD, new))
        assert before == after


@pytest.mark.parametrize(
    ("priced", "spot", "figures"),
    [(True, False, (0.11, None)), (False, True, (0.1, 0.02)), (False, False, (0.1, None))],
)
def test_a_column_that_may_not_be_read_stays_as_it_was(
    survey: Survey, priced: bool, spot: bool, figures: tuple[float | None, float | None]
) -> None:
    """And keeps its date."""
    here = frozenset({"r1"})
    lacking = msgspec.structs.replace(
        survey, priced=here if priced else frozenset(), spot=here if spot else frozenset()
    )
    price = next(p for p in merged(OLD, lacking).prices if (p.instance_type, p.region) == ("a.large", "r1"))

    assert (price.usd, price.spot_usd) == figures
    assert price.date == (DAY if priced else "2025-01-01")


def test_changes_are_told_by_name(survey: Survey) -> None:
    """New, changed and gone, and how many prices there are in the regions asked."""
    assert changes(OLD, merged(OLD, survey), survey) == Changes(
        provider="ec2",
        regions=("r1",),
        date=DAY,
        types=2,
        prices=2,
        spot_prices=1,
        new=("new.large",),
        changed=("a.large", "b.large"),
        gone=("old.large",),
    )


def test_the_same_survey_again_changes_nothing(survey: Survey) -> None:
    """Not even the digest."""
    once = merged(OLD, survey)
    twice = merged(once, survey)

    with Catalog.build_from(once) as first, Catalog.build_from(twice) as second:
        assert first.digest == second.digest
    assert not (found := changes(once, twice, survey)).changed
    assert (found.new, found.gone) == ((), ())
