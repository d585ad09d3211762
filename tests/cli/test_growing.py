"""scale asks before it buys, and only then."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import msgspec
import pytest

from cloudclusters.base.limits import Limits
from cloudclusters.cli.command.verbs import _growth
from cloudclusters.store.record import ClusterRecord

Recorded = Callable[..., ClusterRecord]


def test_price_of_what_is_bought_comes_before_the_yes(recorded: Recorded) -> None:
    """What it adds, not what it comes to."""
    assert "Buy 3 more nodes (3 x f.large)" in _growth(recorded(price=0.5), 5)
    assert "$1.5 per hour" in _growth(recorded(price=0.5), 5).replace("1.50", "1.5")
    assert "an unknown price" in _growth(recorded(price=None), 3)


def test_when_the_limit_strikes_then_comes_before_the_yes(recorded: Recorded) -> None:
    """Seven nodes at two dollars an hour reach in an hour and a half what two reach in five."""
    record = msgspec.structs.replace(recorded(price=2.0, at=time.time()), limits=Limits(max_cost=21.0))

    assert re.search(
        r"at \$10\.0* per hour; its limit strikes in 1h(29m|30m) then, when it has cost \$21\?$", _growth(record, 7)
    )


@pytest.mark.parametrize(("hourly_usd", "n"), [(0.0, 5), (0.5, 2), (0.5, 1)])
def test_nothing_is_asked_where_nothing_is_bought(recorded: Recorded, hourly_usd: float, n: int) -> None:
    """Nodes that are free, and sizes that are not larger."""
    assert _growth(recorded(price=hourly_usd), n) == ""
