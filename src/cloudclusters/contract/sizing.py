"""How many nodes of a machine type a contract needs: its number, or the fewest that reach what all must have together.

`total_vcpus>=512` is 8 machines of 64, or 16 of 32: each type gets the fewest that will do, and the prices of the whole
clusters are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from cloudclusters.catalog import MachineType
from cloudclusters.contract.document import NODES
from cloudclusters.vocabulary import FEATURES, Constraint, Feature, Number, Range

if TYPE_CHECKING:
    from fractions import Fraction  # takes milliseconds to import, and most contracts have no totals

Exact: TypeAlias = "int | Fraction"
Cell = Number | str | None
Way = tuple[int, tuple[str, ...]]
"""A number of nodes, and the constraints on the number and on the totals that it does not satisfy."""


class Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """What a role asks of all its nodes together: how many they may be (`most` None: any), and the totals."""

    least: int
    most: int | None
    totals: dict[str, Range] = {}

    @property
    def is_fixed(self) -> bool:
        """Whether the contract itself says the number."""
        return self.least == self.most

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the catalog that the totals sum."""
        return tuple(dict.fromkeys(column for name in self.totals for column in FEATURES[name].sums))

    def count(self, machine: MachineType) -> int:
        """The fewest nodes of this type that will do; 0 where no number does, or the catalog does not say."""
        return self.count_of([getattr(machine, column) for column in self.columns]) if self.totals else self.least

    def count_of(self, cells: Sequence[Cell]) -> int:
        """As `count`, of the cells of the type in `columns`."""
        least, most = self.numbers_of(cells)
        return least if least <= most else 0

    def numbers_of(self, cells: Sequence[Cell]) -> tuple[int, float]:
        """The fewest and the most nodes with these cells that will do; 1 and 0 where no number does."""
        had = dict(zip(self.columns, cells, strict=True))
        least, most = self.least, math.inf if self.most is None else self.most
        for name, asked in self.totals.items():
            share, (low, high) = _product([had[column] for column in FEATURES[name].sums]), _bounds(asked)
            if share is None or (not share and low):
                return 1, 0
            if share:
                least = max(least, _ceil(low, share))
                most = most if asked.high is None else min(most, math.floor(high // share))
        return least, most

    def ways(self, cells: Sequence[Cell]) -> Sequence[Way]:
        """The numbers of nodes with these cells that count where nothing fits, each with what it does not satisfy.

        Any other number satisfies no more than a smaller one of these, and fewer nodes cost less.
        """
        had = dict(zip(self.columns, cells, strict=True))
        shares = {name: _product([had[column] for column in FEATURES[name].sums]) for name in self.totals}
        numbers = {1, self.least}
        numbers |= {_ceil(_bounds(self.totals[name])[0], share) for name, share in shares.items() if share}
        found: list[Way] = []
        for number in sorted(numbers - {0}):
            allowed = self.least <= number <= (math.inf if self.most is None else self.most)
            unmet = [] if allowed else [NODES]
            for name, share in shares.items():
                low, high = _bounds(self.totals[name])
                if share is None or not low <= share * number <= high:
                    unmet.append(name)
            if not any(set(less) <= set(unmet) for _, less in found):
                found.append((number, tuple(unmet)))
        return found

    def counter(self) -> Callable[[Sequence[Cell]], int]:
        """`count_of` for the thousands of types: what has the same cells is worked out once."""
        known: dict[tuple[Cell, ...], int] = {}

        def count(cells: Sequence[Cell]) -> int:
            key = tuple(cells)
            if key not in known:
                known[key] = self.count_of(key) if self.totals else self.least
            return known[key]

        return count

    def counts(self, machines: Iterable[MachineType]) -> dict[int, int]:
        """The fewest nodes by the `id` of each machine; every type is looked at once, however many offers it has."""
        count, columns, found = self.counter(), self.columns, dict[int, int]()
        for machine in machines:
            if id(machine) not in found:
                found[id(machine)] = count([getattr(machine, column) for column in columns])
        return found

    def without(self, loosened: Collection[str]) -> Sizing:
        """Without these totals, and with any number of nodes where `node_count` is among them."""
        totals = {name: each for name, each in self.totals.items() if name not in loosened}
        if NODES in loosened:
            return Sizing(least=1, most=None, totals=totals)
        return msgspec.structs.replace(self, totals=totals)


def sizing_of(count: int, asked: Mapping[str, Constraint]) -> Sizing:
    """The sizing that a contract's constraints on the whole cluster ask for."""
    nodes = asked.get(NODES)
    most = nodes.high if isinstance(nodes, Range) else count
    totals = {name: each for name, each in asked.items() if FEATURES[name].sums and isinstance(each, Range)}
    return Sizing(least=count, most=None if most is None else int(most), totals=totals)


def total_bounds(sizing: Sizing) -> list[tuple[Feature, float]]:
    """The totals that are bounded from below, and where."""
    return [(FEATURES[name], each.low) for name, each in sizing.totals.items() if each.low]


def total(feature: Feature, cells: Mapping[str, Cell], count: int) -> Number | None:
    """What so many nodes of a type with these cells have together; None where the catalog does not say."""
    each = _product([cells[column] for column in feature.sums])
    if each is None:
        return None
    all_of_them = each * count
    return all_of_them.numerator if all_of_them.denominator == 1 else float(all_of_them)


def sums(feature: Feature, machine: MachineType) -> dict[str, Cell]:
    """The cells of a type that a total is made of."""
    return {column: getattr(machine, column) for column in feature.sums}


def _bounds(asked: Range) -> tuple[Exact, Exact | float]:
    """The ends of what is asked for, exactly."""
    return _exact(asked.low or 0), math.inf if asked.high is None else _exact(asked.high)


def _product(cells: Sequence[Cell]) -> Exact | None:
    """One node's share of a total; where nothing is, nothing counts."""
    if any(cell == 0 for cell in cells):
        return 0
    found: Exact = 1
    for cell in cells:
        if cell is None or isinstance(cell, str):
            return None
        found *= _exact(cell)
    return found


def _exact(number: Number) -> Exact:
    """The same number for exact sums; nearly all are whole, and those are counted much quicker."""
    if isinstance(number, int):
        return number
    from fractions import Fraction

    return Fraction(number)


def _ceil(total: Exact, share: Exact) -> int:
    """So many shares make at least the total."""
    return -math.floor(-total // share)
