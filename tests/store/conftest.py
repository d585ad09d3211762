"""Builders for tests of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Holding, Offer, Slot
from cloudclusters.contract.document import ClusterType, Plan
from cloudclusters.store import Store
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

Build = Callable[..., ClusterRecord]


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(home)
    yield opened
    opened.close()


@pytest.fixture
def build() -> Build:
    """Make the record of a cluster being deployed."""

    def make(handle: str, *, name: str = "", nodes: int = 2, state: str = "deploying") -> ClusterRecord:
        offer = Offer(provider="fake", instance_type="fake.small", hourly_usd=0.1)
        return ClusterRecord(
            handle=handle,
            name=name,
            state=ClusterState(state),
            plan=Plan(contract="C" * 15, cluster_type=ClusterType.PEER_WORKERS, provider="fake", roles=()),
            holding=Holding(provider="fake", cluster=handle, owner="me", store="s"),
            nodes=tuple(NodeRecord(slot=Slot("peer", i), offer=offer, token=f"{handle}-{i}") for i in range(nodes)),
        )

    return make


@pytest.fixture
def made(store: Store, build: Build) -> Callable[..., ClusterRecord]:
    """Make a record and put it into the store."""

    def make(handle: str, **options: object) -> ClusterRecord:
        lease = store.take_lease(handle, "deploy")
        record = store.create(build(handle, **options), lease)
        store.release(lease)
        return record

    return make
