"""What a provider says of itself today, and how that goes into a catalog: pure, over rows.

A survey speaks of some regions. What it says of them replaces what the catalog knew of them; what it does not say, and
all of other regions and providers, is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

import msgspec

from cloudclusters.catalog import settling
from cloudclusters.catalog.rows import Content, MachineType, Offering, Price, Region

S = TypeVar("S", MachineType, Region)
Name = tuple[str, str]
"""A provider and one of its instance types."""
Place = tuple[str, str, str]
"""A provider, one of its instance types, and a region."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far a survey is: `done` of at most `total` things of one kind in a region; `last`: there are no more."""

    region: str
    what: str
    done: int
    total: int
    last: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.done}/{self.total}"


Tell = Callable[[Step], None]
"""Who wants to know how far it is; may be called from several threads."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider sells in some regions, as it says itself.

    `types`, `offerings`, `prices` and `regions` of `content` are those of the provider in `regions`, all of them; cells
    that it does not tell are None. `content.date` is the day of the survey.
    """

    provider: str
    regions: tuple[str, ...]
    content: Content
    priced: frozenset[str] = frozenset()
    """The regions whose prices on demand are in it."""
    spot: frozenset[str] = frozenset()
    """The regions whose spot prices are in it."""
    gaps: tuple[str, ...] = ()
    """What could not be learnt, and why, in sentences."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh changed: `new`, `changed` and `gone` are instance types by name."""

    provider: str
    regions: tuple[str, ...]
    date: str
    types: int
    """Instance types that the provider sells in these regions."""
    prices: int
    """Prices on demand that are known there."""
    spot_prices: int
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Types with another fact, or another price in one of the regions."""
    gone: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


def merged(old: Content, survey: Survey) -> Content:
    """The catalog's rows with those of the survey; the old rows of its regions go, but for cells it does not tell."""
    here = set(survey.regions)
    new = survey.content
    offerings = [o for o in old.offerings if o.provider != survey.provider or o.region not in here]
    prices = [p for p in old.prices if p.provider != survey.provider or p.region not in here]
    prices += _prices(old, survey)
    offerings += new.offerings
    gone = _gone(old, survey, _sold(offerings, prices))
    types = _overlaid(old.types, new.types, lambda t: (t.provider, t.instance_type), settling.over)
    return msgspec.structs.replace(
        old,
        types=tuple(t for t in types if (t.provider, t.instance_type) not in gone),
        prices=tuple(prices),
        offerings=tuple(offerings),
        regions=tuple(_overlaid(old.regions, new.regions, lambda r: (r.provider, r.region), _over)),
        date=max(old.date, new.date),
    )


def changes(old: Content, new: Content, survey: Survey) -> Changes:
    """What is different in `new`, which came of `old` by this survey."""
    before, after = _by_type(old, survey.provider), _by_type(new, survey.provider)
    here = set(survey.regions)
    prices = [p for p in new.prices if p.provider == survey.provider and p.region in here]
    moved = _figures(old, survey.provider, here) ^ _figures(new, survey.provider, here)
    moved_types = {name for name, *_ in moved}
    return Changes(
        provider=survey.provider,
        regions=tuple(sorted(here)),
        date=survey.content.date,
        types=len(survey.content.types),
        prices=sum(p.usd is not None for p in prices),
        spot_prices=sum(p.spot_usd is not None for p in prices),
        new=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(
            sorted(n for n in after.keys() & before.keys() if n in moved_types or not _alike(before[n], after[n]))
        ),
        gone=tuple(sorted(before.keys() - after.keys())),
        gaps=survey.gaps,
    )


def _prices(old: Content, survey: Survey) -> Iterable[Price]:
    """One row per type and region of the survey: its own figures, and the old ones of columns that it has not."""
    known: dict[Place, Price] = {
        (p.provider, p.instance_type, p.region): p for p in old.prices if p.provider == survey.provider
    }
    for said in survey.content.prices:
        before = known.get((said.provider, said.instance_type, said.region))
        if before is None:
            yield said
            continue
        demand, spot = (said if said.region in regions else before for regions in (survey.priced, survey.spot))
        yield Price(
            said.provider,
            said.instance_type,
            said.region,
            usd=demand.usd,
            date=demand.date,
            spot_usd=spot.spot_usd,
            spot_date=spot.spot_date or before.spot_date,
            spot_savings_percent=before.spot_savings_percent,
            spot_interruption_percent=before.spot_interruption_percent,
            source=said.source if demand is said or spot is said else before.source,
        )


def _gone(old: Content, survey: Survey, placed: Collection[Name]) -> set[Name]:
    """Types that were sold in the survey's regions alone, and are not any more."""
    said = {(t.provider, t.instance_type) for t in survey.content.types}
    sold = {name for name in _sold(old.offerings, old.prices) if name[0] == survey.provider}
    return {name for name in sold if name not in said and name not in placed}


def _sold(offerings: Iterable[Offering], prices: Iterable[Price]) -> set[Name]:
    return {(o.provider, o.instance_type) for o in offerings} | {(p.provider, p.instance_type) for p in prices}


def _overlaid(
    old: Iterable[S], new: Iterable[S], key: Callable[[S], Name], over: Callable[[S, Mapping[str, object]], S]
) -> list[S]:
    """All rows, once each; a new one's known cells over those of the old one."""
    rows: dict[Name, S] = {key(row): row for row in old}
    for row in new:
        before = rows.get(key(row))
        rows[key(row)] = row if before is None else over(before, _told(row))
    return list(rows.values())


def _told(row: msgspec.Struct) -> dict[str, object]:
    return {name: cell for name, cell in msgspec.structs.asdict(row).items() if cell is not None and cell != ()}


def _over(before: Region, told: Mapping[str, object]) -> Region:
    return msgspec.structs.replace(before, **told)


def _by_type(content: Content, provider: str) -> Mapping[str, MachineType]:
    return {t.instance_type: t for t in content.types if t.provider == provider}


def _alike(before: MachineType, after: MachineType) -> bool:
    """The same facts, wherever they are from."""
    return msgspec.structs.replace(before, source=None) == msgspec.structs.replace(after, source=None)


def _figures(content: Content, provider: str, regions: Collection[str]) -> set[tuple[str, str, object, object]]:
    return {
        (p.instance_type, p.region, p.usd, p.spot_usd)
        for p in content.prices
        if p.provider == provider and p.region in regions
    }
