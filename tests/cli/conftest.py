"""What the tests of the command line share: a way to call it, and clusters in the store that no provider made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudclusters.api.session import session
from cloudclusters.base.cloud import NOTHING, Holding, Instance, InstanceState, Offer, Place, Slot
from cloudclusters.base.handle import new_handle
from cloudclusters.cli.edge import run
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.store.record import Change, ClusterRecord, ClusterState, NodeRecord


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> object:
        """Its stdout as JSON."""
        return json.loads(self.out)


Call = Callable[..., Answer]
Record = Callable[..., ClusterRecord]


@pytest.fixture
def ccl(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Answer:
        capfd.readouterr()
        code = run(words)
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture
def anew(ccl: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line with nothing remembered from the call before."""

    def call(*words: str) -> Answer:
        monkeypatch.setattr("cloudclusters.api.session._current", None)
        return ccl(*words)

    return call


@pytest.fixture
def program(tmp_path: Path) -> Call:
    """Call the command line as a program, as a shell does; `stop` is sent to it when it has said `after`."""

    def call(*words: str, after: str = "", stop: signal.Signals = signal.SIGINT, stdin: str = "") -> Answer:
        with subprocess.Popen(
            [sys.executable, "-m", "cloudclusters", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ},
        ) as child:
            heard = ""
            if after:
                assert child.stderr is not None
                while after not in heard:
                    line = child.stderr.readline()
                    assert line, f"it ended without saying {after!r}: {heard}"
                    heard += line
                child.send_signal(stop)
            out, err = child.communicate(stdin or None, timeout=100)
        return Answer(child.returncode, out, heard + err)

    return call


@pytest.fixture
def recorded() -> Record:
    """Write a cluster into the store as if it had been deployed: two nodes at two dollars an hour each."""

    def write(
        name: str = "",
        state: ClusterState = ClusterState.RUNNING,
        *,
        price: float | None = 2.0,
        at: float = 1000.0,
        provider: str = "fake",
    ) -> ClusterRecord:
        handle, store = new_handle(), session().store
        offer = Offer(provider=provider, instance_type="f.large", place=Place("here"), hourly_usd=price)
        alive = state in (ClusterState.RUNNING, ClusterState.BROKEN)
        nodes = tuple(_node(handle, index, offer, alive=alive, at=at) for index in range(2))
        record = ClusterRecord(
            handle=handle,
            name=name,
            state=state,
            plan=Plan(
                contract=new_handle(),
                cluster_type=ClusterType.PEER_WORKERS,
                provider=provider,
                roles=(RolePlan(role="peer", count=2, offer=offer),),
            ),
            holding=Holding(provider=provider, cluster=handle, owner=store.owner, store=store.id, place=Place("here")),
            nodes=nodes,
            rates=NOTHING,
            history=(Change(state, at, 2 if alive else 0, None if price is None else 2 * price * alive),),
            seen=at,
        )
        lease = store.take_lease(handle, "test")
        written = store.create(record, lease)
        store.release(lease)
        return written

    return write


def _node(handle: str, index: int, offer: Offer, *, alive: bool, at: float) -> NodeRecord:
    instance = Instance(
        id=f"i-{index}-{handle}",
        slot=Slot("peer", index),
        token=handle,
        state=InstanceState.RUNNING if alive else InstanceState.STOPPED,
        instance_type=offer.instance_type,
        place=offer.place,
        inner_address=f"10.0.0.{index}",
        launched_at=at,
    )
    return NodeRecord(slot=Slot("peer", index), offer=offer, token=handle, instance=instance)
