"""A local node to talk to, and one that a test plays itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Slot, SocketEndpoint
from cloudclusters.base.waiting import SystemClock
from cloudclusters.provider.local.provider import LocalProvider
from cloudclusters.provider.local.settings import LocalSettings
from cloudclusters.testing.settling import Settle

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Play = Callable[[Answer], contextlib.AbstractAsyncContextManager[SocketEndpoint]]


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketEndpoint]:
    """Where a real agent answers."""
    provider = LocalProvider(tmp_path_factory.mktemp("home") / "local", LocalSettings())
    holding = provider.prepare(Holding(provider="local", cluster="c", owner="me@test", store="s"))
    offer = next(iter(provider.offers([])))
    provider.launch(holding, Launch(token="t", offer=offer, slots=(Slot("peer", 0),)))
    settle = Settle(provider, SystemClock(), 20.0)
    seen: list[Instance] = settle.all(holding, InstanceState.RUNNING, count=1)
    assert isinstance(seen[0].endpoint, SocketEndpoint)
    yield seen[0].endpoint
    settle.let_go(holding)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Serve a socket with an agent of the test's own making."""

    @contextlib.asynccontextmanager
    async def serve(answer: Answer) -> AsyncIterator[SocketEndpoint]:
        path = tmp_path / "agent.sock"
        server = await asyncio.start_unix_server(answer, path)
        yield SocketEndpoint(path=str(path))
        server.close()
        await server.wait_closed()

    return serve
