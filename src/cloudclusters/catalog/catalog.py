"""The catalog: one or several databases of machine types and prices, asked as one.

A catalog is read-only and may be shared by threads; a forked child opens its own. Whatever it returns is in a fixed
order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import offers, reading
from cloudclusters.catalog.answers import Answers
from cloudclusters.catalog.frontier import Prices, frontier
from cloudclusters.catalog.matching import Demand, fitting, judged, shown
from cloudclusters.catalog.rows import Candidate, Cell, Content, Judged, MachineType, Offering, Price, Priced, Region
from cloudclusters.catalog.source import Source
from cloudclusters.catalog.tallying import Count, Purchase, Shelf, Tally, tallied
from cloudclusters.vocabulary import taxonomy

S = TypeVar("S", bound=msgspec.Struct)

SNAPSHOT = Path(__file__).with_name("snapshot.sqlite")


class Catalog:
    """Machine types, where they are sold and for how much. Use `packaged`, `open`, `build` and `joined` to make one.

    Where several sources hold the same provider's type, the last one's facts and prices are the ones that count.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._hidden: tuple[frozenset[int], ...] = _hidden(self._sources)
        self._sold: Answers[Mapping[tuple[str, str], float | None]] = Answers()
        self._judged: Answers[Sequence[Judged]] = Answers()
        self._frontiers: Answers[Mapping[tuple[str, str], Sequence[Prices]]] = Answers()
        self._shelves: tuple[Answers[Shelf], ...] = tuple(Answers() for _ in self._sources)

    @classmethod
    def packaged(cls) -> Catalog:
        """The snapshot that comes with this release. Opening it takes under a millisecond."""
        return cls.open(SNAPSHOT)

    @classmethod
    def open(cls, path: Path) -> Catalog:
        """A snapshot file; it must not change while it is open. Raises `StoreError` when it is none of ours."""
        return cls([Source.open(path)])

    @classmethod
    def build(
        cls,
        types: Iterable[MachineType],
        prices: Iterable[Price] = (),
        *,
        offerings: Iterable[Offering] = (),
        regions: Iterable[Region] = (),
        date: str = "",
    ) -> Catalog:
        """A catalog in memory: fixtures, live prices, this machine."""
        return cls.build_from(
            Content(
                types=tuple(types),
                prices=tuple(prices),
                offerings=tuple(offerings),
                regions=tuple(regions),
                date=date,
            )
        )

    @classmethod
    def build_from(cls, content: Content, *, notes: Mapping[str, str] | None = None) -> Catalog:
        """A catalog in memory with all tables; `notes` are added to what it says of itself."""
        return cls([Source.build(content, notes)])

    def joined(self, *others: Catalog) -> Catalog:
        """These catalogs as one; they stay open as long as it is used."""
        return Catalog([source for catalog in (self, *others) for source in catalog._sources])

    def close(self) -> None:
        """Close the databases, those of catalogs joined with this one too. May be repeated."""
        for source in self._sources:
            source.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The databases, the last one's facts the ones that count."""
        return self._sources

    @property
    def notes(self) -> dict[str, str]:
        """What the databases say of themselves: version, date, digest, counts, and more where they were refreshed."""
        return {key: value for source in self._sources for key, value in source.meta.items()}

    @property
    def digest(self) -> str:
        """What the catalog holds, as SHA-256 in hex: equal digests, equal answers."""
        digests = [source.meta["digest"] for source in self._sources]
        if len(digests) == 1:
            return digests[0]
        import hashlib  # loaded late: see `schema.digest_of`

        return hashlib.sha256(" ".join(digests).encode()).hexdigest()

    @property
    def date(self) -> str:
        """The day of the newest facts, as `YYYY-MM-DD`; empty where none is known."""
        return max((source.meta["date"] for source in self._sources), default="")

    def judge(self, demands: Sequence[Demand], *, possible: bool = False) -> Sequence[Judged]:
        """How every type fares with every demand; the same as `vocabulary.judge` on each cell.

        With `possible`, a type that the provider may place on several processors passes if one of them does.
        """

        def ask() -> Sequence[Judged]:
            return [
                row
                for source, hidden in zip(self._sources, self._hidden, strict=True)
                for row in judged(source, hidden, demands, possible=possible)
            ]

        return self._judged.of((tuple(demands), possible), ask)

    def offers(
        self,
        demands: Sequence[Demand],
        regions: Collection[str] | None = None,
        *,
        possible: bool = False,
        market: Market = Market.ON_DEMAND,
        best: bool = False,
        most: int | None = None,
        ceiling: float | None = None,
        among: Collection[tuple[str, str]] | None = None,
        unplaced: bool = True,
    ) -> list[Candidate]:
        """Types that meet all demands, with what they cost in these regions (None: in any), the cheapest first.

        A demand on a feature that no column answers (locale, hourly price) is met by nothing: decide those outside.
        A type that has no price there comes last, with the place where it is sold, or none where that is not known:
        then it is not available unless `unplaced` says so. Ties go to the newer price, then region, provider and name.
        With `best`, only the first of each type; with `most`, only that many in all; with a `ceiling`, only what is
        known to cost no more; with `among`, only of the types of these providers and names.
        """
        asked = offers.Asked(regions=regions, market=market, best=best, most=most, ceiling=ceiling, unplaced=unplaced)
        parts = [
            offers.candidates(source, fitting(source, where, demands, possible=possible), asked)
            for source, where in self._shown(among)
        ]
        filled = [part for part in parts if part]
        if len(filled) == 1:
            return filled[0]
        return sorted((candidate for part in filled for candidate in part), key=offers.rank)[:most]

    def tallies(self, wishes: Mapping[tuple[str, str], Count], purchase: Purchase) -> dict[tuple[str, str], Tally]:
        """How many offers each type has for a purchase, and the least that so many machines of it cost.

        `wishes` are these numbers by provider and name. Of types that have no offer, nothing. The same as counting
        `offers`, and much quicker.
        """
        found: dict[tuple[str, str], Tally] = {}
        for source, hidden, shelves in zip(self._sources, self._hidden, self._shelves, strict=True):
            ids = source.names()
            numbers = {ids[name]: name for name in wishes if name in ids and ids[name] not in hidden}
            if numbers:
                counts = {number: wishes[name] for number, name in numbers.items()}
                found |= {numbers[number]: each for number, each in tallied(source, counts, purchase, shelves).items()}
        return found

    def sold(
        self, regions: Collection[str] | None = None, *, market: Market = Market.ON_DEMAND, unplaced: bool = True
    ) -> Mapping[tuple[str, str], float | None]:
        """Every type that is sold in these regions (None: in any), by provider and name, with its lowest known price.

        Types of which no place is known count as sold where `unplaced` says so. The same as `offers` without demands
        tells, and much quicker.
        """

        def ask() -> Mapping[tuple[str, str], float | None]:
            asked = offers.Asked(regions=regions, market=market, unplaced=unplaced)
            found: dict[tuple[str, str], float | None] = {}
            for source, hidden in zip(self._sources, self._hidden, strict=True):
                prices = offers.sold(source, asked)
                found |= {
                    name: prices[number]
                    for name, number in source.names().items()
                    if number in prices and number not in hidden
                }
            return found

        return self._sold.of((_set(regions), market, unplaced), ask)

    def cells(
        self, columns: Sequence[str], names: Collection[tuple[str, str]] | None = None
    ) -> dict[tuple[str, str], tuple[Cell, ...]]:
        """What the types of these providers and names, or all of them, have in these columns.

        Much quicker than `machine_types`.
        """
        found: dict[tuple[str, str], tuple[Cell, ...]] = {}
        for source, where in self._shown(names):
            found |= reading.cells(source, columns, where)
        return found

    def figures(
        self, provider: str, regions: Collection[str] | None = None
    ) -> dict[tuple[str, str], list[tuple[float | None, float | None]]]:
        """What the types of a provider cost in these regions (None: in any), on demand and spot."""
        found: dict[tuple[str, str], list[tuple[float | None, float | None]]] = {}
        for source, hidden in zip(self._sources, self._hidden, strict=True):
            found |= offers.figures(source, _word(source, provider), regions, shown("type.id", hidden))
        return found

    def frontier(
        self, provider: str, regions: Collection[str] | None = None
    ) -> Mapping[tuple[str, str], Sequence[Prices]]:
        """As `figures`, without what others of the type undercut on both markets; the cheapest on demand first."""

        def ask() -> Mapping[tuple[str, str], Sequence[Prices]]:
            found: dict[tuple[str, str], Sequence[Prices]] = {}
            for source, hidden in zip(self._sources, self._hidden, strict=True):
                found |= frontier(source, _word(source, provider), regions, shown("type.id", hidden))
            return found

        return self._frontiers.of((provider, _set(regions)), ask)

    def machine_types(self, names: Collection[tuple[str, str]] | None = None) -> list[MachineType]:
        """Every type, or those of these providers and names, by provider and name."""
        return [machine for source, where in self._shown(names) for machine in source.types(where).values()]

    def machine_type(self, provider: str, name: str) -> MachineType | None:
        """One type; None where the catalog does not hold it."""
        for source in reversed(self._sources):
            for machine in source.types(_named(source, provider, name)).values():
                return machine
        return None

    def prices(self) -> list[Price]:
        """Every price row, by type and region; 57,707 in the snapshot, so it takes some tenths of a second."""
        parts = zip(self._sources, self._hidden, strict=True)
        return [price for source, hidden in parts for price in reading.prices(source, shown("type.id", hidden))]

    def prices_of(self, provider: str, name: str) -> list[Price]:
        """All that is known of one type's prices, by region."""
        for source in reversed(self._sources):
            if source.types(where := _named(source, provider, name)):
                return reading.prices(source, where)
        return []

    def offerings_of(self, provider: str, name: str) -> list[Offering]:
        """Regions and zones where a type is known to be sold; where nothing is listed, its prices tell."""
        for source in reversed(self._sources):
            if source.types(where := _named(source, provider, name)):
                return reading.offerings(source, where)
        return []

    def rows_of(self, names: Collection[tuple[str, str]]) -> Content:
        """The types of these providers and names that there are, with all their prices and offerings, at once."""
        types, prices, offerings = list[MachineType](), list[Price](), list[Offering]()
        for source, hidden in zip(self._sources, self._hidden, strict=True):
            ids = {str(number) for name, number in source.names().items() if name in names and number not in hidden}
            where = f"type.id IN ({', '.join(sorted(ids))})"
            types += source.types(where).values()
            prices += reading.prices(source, where)
            offerings += reading.offerings(source, where)
        return Content(types=tuple(types), prices=tuple(prices), offerings=tuple(offerings))

    def providers(self) -> list[str]:
        """The providers that the catalog knows types of."""
        return self._distinct("provider")

    def names(self, provider: str | None = None) -> list[str]:
        """Names of machine types, of one provider or of all."""
        return self._distinct("instance_type", provider)

    def priced(self, provider: str) -> Priced:
        """How many prices of a provider are known, and of which days those on demand are."""
        found = [
            self._priced(source, hidden, provider) for source, hidden in zip(self._sources, self._hidden, strict=True)
        ]
        days = [day for row in found for day in (row.oldest, row.newest) if day]
        return Priced(
            sum(row.on_demand for row in found),
            sum(row.spot for row in found),
            min(days, default=""),
            max(days, default=""),
        )

    def families(self, provider: str | None = None) -> list[str]:
        """Names of machine families, of one provider or of all."""
        return self._distinct("family", provider)

    def regions(self, provider: str | None = None) -> list[Region]:
        """Regions and where they lie, of one provider or of all; of one that two sources hold, the last one's."""
        found = {(r.provider, r.region): r for s in self._sources for r in reading.plain(s, Region)}
        return [region for key, region in sorted(found.items()) if provider in (None, key[0])]

    def zones(self, region: str) -> tuple[str, ...]:
        """The zones of a region by their full names; none where they are not known."""
        return next((r.zones for r in self.regions() if r.region == region), ())

    def zones_of(self, regions: Collection[str]) -> dict[tuple[str, str, str], tuple[str, ...]]:
        """In which zones of these regions types are known to be sold, by provider, type and region."""
        found: dict[tuple[str, str, str], tuple[str, ...]] = {}
        for source, hidden in zip(self._sources, self._hidden, strict=True):
            found |= reading.zones(source, regions, shown("type.id", hidden))
        return found

    def regions_in(self, term: str) -> list[str]:
        """The regions that lie in a continent, country or place, are that region, or hold that zone.

        Raises `UnknownName` when `term` is no name of the locale taxonomy.
        """
        names = taxonomy("locale")
        wanted = names.canonical(term)
        return [r.region for r in self.regions() if names.is_a(r.region, wanted) or names.is_a(wanted, r.region)]

    def table(self, kind: type[S]) -> list[S]:
        """A small table by its row type: `Processor`, `Accelerator`, `Microarchitecture`, `AcceleratorArchitecture`."""
        return [row for source in self._sources for row in reading.plain(source, kind)]

    def _shown(self, names: Collection[tuple[str, str]] | None = None) -> list[tuple[Source, str]]:
        """Each source with the SQL condition for those of its types, by id, that count; None of these names is all."""
        return [
            (source, shown("id", hidden) + _among("id", source, names))
            for source, hidden in zip(self._sources, self._hidden, strict=True)
        ]

    @staticmethod
    def _priced(source: Source, hidden: frozenset[int], provider: str) -> Priced:
        ((usd, spot, first, last),) = source.rows(
            "SELECT count(usd), count(spot_usd), min(date), max(date) FROM price JOIN type ON type.id = price.type"
            f" WHERE provider = {_word(source, provider)} AND {shown('type.id', hidden)}"
        )
        # ids of words follow the order of their texts
        return Priced(int(usd or 0), int(spot or 0), source.words[first] or "", source.words[last] or "")

    def _distinct(self, column: str, provider: str | None = None) -> list[str]:
        found: set[str] = set()
        for source in self._sources:
            where = f"provider = {_word(source, provider)}" if provider else "1"
            rows = source.rows(f"SELECT DISTINCT {column} FROM type WHERE {where}")
            found.update(text for (cell,) in rows if (text := source.words[cell]) is not None)
        return sorted(found)


def _named(source: Source, provider: str, name: str) -> str:
    return f"type.provider = {_word(source, provider)} AND type.instance_type = {_word(source, name)}"


def _among(column: str, source: Source, names: Collection[tuple[str, str]] | None) -> str:
    """Types of these providers and names as one more SQL condition; none of all."""
    if names is None:
        return ""
    ids = source.names()
    return f" AND {column} IN ({', '.join(str(ids[name]) for name in names if name in ids)})"


def _set(regions: Collection[str] | None) -> frozenset[str] | None:
    return None if regions is None else frozenset(regions)


def _word(source: Source, text: str) -> int:
    """The id of a text in SQL; one that no row has where the source does not know it."""
    return next(iter(source.word_ids([text])), -1)


def _hidden(sources: Sequence[Source]) -> tuple[frozenset[int], ...]:
    """For each source, the ids of types that a later source holds too."""
    if len(sources) == 1:
        return (frozenset(),)
    names = [source.names() for source in sources]
    return tuple(
        frozenset(number for name, number in own.items() if any(name in later for later in names[place + 1 :]))
        for place, own in enumerate(names)
    )
