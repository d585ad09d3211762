"""scale asks before it buys, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudclusters.cli.command.verbs import _growth
from cloudclusters.store.record import ClusterRecord

Recorded = Callable[..., ClusterRecord]


def test_price_of_what_is_bought_comes_before_the_yes(recorded: Recorded) -> None:
    """What it adds, not what it comes to."""
    assert "Buy 3 more nodes (3 x f.large)" in _growth(recorded(price=0.5), 5)
    assert "$1.5 per hour" in _growth(recorded(price=0.5), 5).replace("1.50", "1.5")
    assert "an unknown price" in _growth(recorded(price=None), 3)


@pytest.mark.parametrize(("hourly_usd", "n"), [(0.0, 5), (0.5, 2), (0.5, 1)])
def test_nothing_is_asked_where_nothing_is_bought(recorded: Recorded, hourly_usd: float, n: int) -> None:
    """Nodes that are free, and sizes that are not larger."""
    assert _growth(recorded(price=hourly_usd), n) == ""
