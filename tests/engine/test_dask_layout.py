"""The dask engine's layout is data: what runs where, with how much, and under which secrets."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.engine.dask import DaskEngine
from cloudclusters.engine.protocol import Kind, Layout, Member


def member(
    index: int, *, role: str = "peer", processes: int = 1, vcpus: int = 4, memory_bytes: int = 8 << 30
) -> Member:
    """A node of a test's cluster."""
    return Member(
        name=f"node{index}",
        role=role,
        index=index,
        address=f"10.0.0.{index + 1}",
        processes=processes,
        vcpus=vcpus,
        memory_bytes=memory_bytes,
    )


def config(layout: Layout, node: str) -> dict[str, object]:
    """What the start script of this node reads."""
    (text,) = [f.text for f in layout.files if f.node == node and f.path == "engine/node.json"]
    return dict(json.loads(text))


def test_the_scheduler_runs_on_member_0_only() -> None:
    """There is one entry, at the inner address of the first node."""
    layout = DaskEngine().layout([member(0), member(1)])

    assert [p.node for p in layout.processes if p.kind is Kind.SCHEDULER] == ["node0"]
    assert [(f.name, f.address, f.port) for f in layout.forwards] == [
        ("scheduler", "10.0.0.1", 8786),
        ("dashboard", "10.0.0.1", 8787),
    ]


@given(count=st.integers(1, 6), processes=st.integers(1, 5))
def test_every_peer_has_its_workers(count: int, processes: int) -> None:
    """`node_process_count` workers on each node, each with a name of its own."""
    layout = DaskEngine().layout([member(i, processes=processes) for i in range(count)])

    names = [(p.node, p.name) for p in layout.processes if p.kind is Kind.WORKER]
    assert len(set(names)) == len(names) == count * processes


@given(processes=st.integers(1, 64), vcpus=st.integers(1, 256), memory=st.integers(1 << 28, 1 << 42))
def test_workers_never_get_more_than_the_node_has(processes: int, vcpus: int, memory: int) -> None:
    """Threads and memory are shares of the node; node 0 keeps some memory for its scheduler."""
    nodes = [member(i, processes=processes, vcpus=vcpus, memory_bytes=memory) for i in (0, 1)]

    first, second = (config(DaskEngine().layout(nodes), n.name) for n in nodes)

    assert first["threads"] == max(1, vcpus // processes)
    assert int(str(first["memory_bytes"])) * processes < memory
    assert int(str(second["memory_bytes"])) * processes <= memory


def test_the_agent_gets_the_limit_that_the_worker_knows() -> None:
    """Dask alone only pauses a worker beyond its share: without a nanny nobody else ends it."""
    layout = DaskEngine().layout([member(0, processes=2), member(1, processes=2)])

    limits = {p.node: p.memory_bytes for p in layout.processes if p.kind is Kind.WORKER}

    assert limits == {node: config(layout, node)["memory_bytes"] for node in ("node0", "node1")}


def test_unknown_memory_is_no_limit() -> None:
    """A node that does not say how much memory it has gets no limit, not a limit of nothing."""
    layout = DaskEngine().layout([member(0, memory_bytes=0)])

    assert config(layout, "node0")["memory_bytes"] == 0


def test_a_manager_has_no_workers() -> None:
    """The access node of a ManagerWorkers cluster runs the scheduler alone."""
    layout = DaskEngine().layout([member(0, role="manager"), member(1, role="worker")])

    assert [(p.node, p.kind) for p in layout.processes] == [("node0", Kind.SCHEDULER), ("node1", Kind.WORKER)]


def test_secrets_are_named_never_held() -> None:
    """The layout is stored: no key material may be in it."""
    engine = DaskEngine()

    layout = engine.layout([member(0), member(1)])

    named = {(f.node, f.secret) for f in layout.files if f.secret}
    assert named == {("", secret) for secret in engine.secrets}
    assert not any(f.text for f in layout.files if f.secret)


def test_no_members_is_an_empty_layout() -> None:
    """Nothing to run on, nothing to run."""
    assert DaskEngine().layout([]) == Layout()


def test_an_ipv6_scheduler_address_is_bracketed() -> None:
    """Workers parse the address as host and port."""
    node = Member(name="node0", role="peer", index=0, address="fd00::1")

    assert config(DaskEngine().layout([node]), "node0")["scheduler"] == "tls://[fd00::1]:8786"
