"""Engines by name."""

from __future__ import annotations

import pytest

from cloudclusters.engine.protocol import Layout, Member
from cloudclusters.engine.registry import ENGINES, engine
from cloudclusters.errors import NotSupported, UnknownName


@pytest.mark.parametrize("name", list(ENGINES))
def test_an_engine_answers_to_its_name(name: str) -> None:
    """The table's word and the engine's own are one."""
    assert engine(name).name == name


def test_an_unknown_engine_points_at_a_near_one() -> None:
    """The hint is what to write instead."""
    with pytest.raises(UnknownName, match="did you mean 'dask'"):
        engine("dusk")


def test_the_engine_none_runs_nothing() -> None:
    """Bare nodes: no process, no file, no port, no secret."""
    node = Member(name="node0", role="peer", index=0, address="10.0.0.1")

    assert engine("none").layout([node]) == Layout()
    assert engine("none").make_secrets() == {}


def test_the_engine_none_has_no_client() -> None:
    """Asking for one says why not."""
    with pytest.raises(NotSupported, match="no scheduler"):
        engine("none").client({}, {})
