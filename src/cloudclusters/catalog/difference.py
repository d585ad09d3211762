"""What is different between two catalogs: types, their cells, and prices. Pure; takes some tenths of a second.

Where rows are from does not count, nor of which day a price is that stayed the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from cloudclusters.catalog.catalog import Catalog
from cloudclusters.catalog.rows import Cell, MachineType, Price
from cloudclusters.vocabulary import taxonomy

Name = tuple[str, str]
_NO_FACTS = ("provider", "instance_type", "source")
_FIGURES = (("on-demand", "usd"), ("spot", "spot_usd"))


class Retyped(msgspec.Struct, frozen=True, kw_only=True):
    """A type with other facts: each changed column, with the cell before and after."""

    provider: str
    instance_type: str
    cells: dict[str, tuple[Cell, Cell]]


class Repriced(msgspec.Struct, frozen=True, kw_only=True):
    """Another price of a type in a region, in USD per hour."""

    provider: str
    instance_type: str
    region: str
    market: str
    before_usd: float
    after_usd: float

    @property
    def change(self) -> float:
        """The change as a share of the price before: 0.1 is a tenth more."""
        return self.after_usd / self.before_usd - 1 if self.before_usd else float("inf")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed from one catalog to another; types by provider and name, prices by how much they changed."""

    new: tuple[Name, ...]
    gone: tuple[Name, ...]
    changed: tuple[Retyped, ...]
    up: tuple[Repriced, ...]
    """Prices that rose, the one that rose most first."""
    down: tuple[Repriced, ...]
    """Prices that fell, the one that fell most first."""
    new_prices: int
    """Prices that were not known before, those of new types too."""
    gone_prices: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different."""
        return not (
            self.new or self.gone or self.changed or self.up or self.down or self.new_prices or self.gone_prices
        )


def difference(before: Catalog, after: Catalog, *, provider: str = "", instance_type: str = "") -> Difference:
    """What is different in `after`, of all, of one provider, or of one machine type or family."""
    words = taxonomy("machine_type")
    wanted = words.canonical(instance_type) if instance_type else words.root

    def asked(row: MachineType | Price) -> bool:
        return provider in ("", row.provider) and words.is_a(row.instance_type, wanted)

    old, new = (_types(catalog.machine_types(), asked) for catalog in (before, after))
    was, now = (_figures(catalog.prices(), asked) for catalog in (before, after))
    moved = [Repriced(**_named(key), before_usd=was[key], after_usd=now[key]) for key in was.keys() & now.keys()]
    return Difference(
        new=tuple(sorted(new.keys() - old.keys())),
        gone=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(
            Retyped(provider=name[0], instance_type=name[1], cells=cells)
            for name in sorted(old.keys() & new.keys())
            if (cells := _cells(old[name], new[name]))
        ),
        up=tuple(sorted((each for each in moved if each.change > 0), key=_most)),
        down=tuple(sorted((each for each in moved if each.change < 0), key=_most)),
        new_prices=len(now.keys() - was.keys()),
        gone_prices=len(was.keys() - now.keys()),
    )


def _types(rows: Iterable[MachineType], asked: Callable[[MachineType], bool]) -> dict[Name, MachineType]:
    return {(each.provider, each.instance_type): each for each in rows if asked(each)}


def _figures(rows: Iterable[Price], asked: Callable[[Price], bool]) -> dict[tuple[str, ...], float]:
    return {
        (price.provider, price.instance_type, price.region, market): figure
        for price in rows
        if asked(price)
        for market, column in _FIGURES
        if (figure := getattr(price, column)) is not None
    }


def _named(key: tuple[str, ...]) -> Mapping[str, str]:
    return dict(zip(("provider", "instance_type", "region", "market"), key, strict=True))


def _cells(before: MachineType, after: MachineType) -> dict[str, tuple[Cell, Cell]]:
    pairs = {c: (getattr(before, c), getattr(after, c)) for c in MachineType.__struct_fields__ if c not in _NO_FACTS}
    return {column: pair for column, pair in pairs.items() if pair[0] != pair[1]}


def _most(each: Repriced) -> tuple[float, str, str, str, str]:
    return -abs(each.change), each.provider, each.instance_type, each.region, each.market
