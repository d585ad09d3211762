"""The prices of types that no others undercut, neither on demand nor on the spot market."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from cloudclusters.catalog import offers
from cloudclusters.catalog.reading import dollars
from cloudclusters.catalog.source import Source

Prices = tuple[float | None, float | None]
"""USD per hour on demand and on the spot market."""
_APART = 1 << 33
"""More than what a machine costs, in the unit that is stored: of two prices as one number, the first counts first."""


def frontier(
    source: Source, provider: int, regions: Collection[str] | None, where: str
) -> dict[tuple[str, str], Sequence[Prices]]:
    """Those of each type of the provider whose name has this id; as `undercut` leaves of all its figures.

    Nearly always one offer is the cheapest in both: then its prices are the two lowest, and no others are read.
    """
    rows = source.rows(
        f"SELECT type.id, instance_type, min(usd), min(spot_usd), min(spot_usd * {_APART} + usd) FROM price"
        f" JOIN type ON type.id = price.type WHERE provider = {provider} AND {where}{offers.within(source, regions)}"
        " GROUP BY type"
    )
    words = source.words
    name, apart = str(words.get(provider)), list[int]()  # a source need not know the provider
    found: dict[tuple[str, str], Sequence[Prices]] = {}
    for number, machine, usd, spot, both in rows:
        if spot is None or (usd is not None and both == int(spot) * _APART + int(usd)):
            found[name, str(words[machine])] = [(dollars(usd), dollars(spot))]
        else:
            apart.append(int(number or 0))
    if apart:
        rest = offers.figures(source, provider, regions, f"type.id IN ({offers.listed(apart)})")
        found |= {key: undercut(pairs) for key, pairs in rest.items()}
    return found


def undercut(pairs: Sequence[Prices]) -> Sequence[Prices]:
    """The prices that no others undercut in both; an unknown price is beyond all.

    >>> undercut([(2.0, 0.5), (1.0, 0.9), (1.5, 0.9), (3.0, None)])
    [(1.0, 0.9), (2.0, 0.5)]
    """
    kept: list[Prices] = []
    lowest: float | None = None
    for usd, spot in sorted(pairs, key=_known_first) if len(pairs) > 1 else pairs:
        if not kept or (spot is not None and (lowest is None or spot < lowest)):
            kept.append((usd, spot))
            lowest = spot
    return kept


def _known_first(pair: Prices) -> tuple[float, float]:
    usd, spot = pair
    return math.inf if usd is None else usd, math.inf if spot is None else spot
