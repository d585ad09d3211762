"""The same on many nodes."""

from __future__ import annotations

import asyncio

import pytest

from cloudclusters.errors import NodeError, NodeUnreachable
from cloudclusters.remote.ssh.everywhere import everywhere


def test_every_result_and_every_failure_comes_back() -> None:
    """One that fails stops no other."""

    async def act(number: int) -> int:
        if number % 3 == 0:
            raise NodeUnreachable(f"no {number}")
        return number * 2

    nodes = {f"node{n}": n for n in range(300)}
    outcome = asyncio.run(everywhere(nodes, act))

    assert list(outcome.results) == [name for name, n in nodes.items() if n % 3]
    assert [exc.message for exc in outcome.failures.values()] == [f"no {n}" for n in range(0, 300, 3)]


def test_not_more_at_a_time_than_is_good() -> None:
    """Bounded, and as many as allowed."""
    busy: list[int] = [0, 0]

    async def act(number: int) -> None:
        busy[0] += 1
        busy[1] = max(busy)
        await asyncio.sleep(0)
        busy[0] -= 1

    asyncio.run(everywhere({str(n): n for n in range(500)}, act, at_once=64))

    assert busy == [0, 64]


def test_bug_is_not_taken_for_a_node_that_failed() -> None:
    """It stops everything."""

    async def act(number: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(everywhere({"a": 1}, act))
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.parametrize(("count", "kind"), [(1, NodeError), (2, ExceptionGroup)])
def test_check_raises_what_failed(count: int, kind: type[Exception]) -> None:
    """A single failure as itself, several as a group."""

    async def act(number: int) -> int:
        if number < count:
            raise NodeError("broken")
        return number

    with pytest.raises(kind):
        asyncio.run(everywhere({str(n): n for n in range(5)}, act)).check()


def test_nothing_to_do_is_done() -> None:
    """No nodes, no results."""
    assert asyncio.run(everywhere({}, asyncio.sleep)).check() == {}


def test_many_commands_on_real_hosts(site) -> None:
    """Through one connection, with those that fail to run among them."""

    async def main() -> None:
        async with site.entered() as host:
            outcome = await everywhere({str(n): n for n in range(40)}, lambda n: host.run(f"exit {n}"))
            assert [done.code for done in outcome.check().values()] == list(range(40))

    asyncio.run(main())
