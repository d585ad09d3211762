"""Contracts and resolutions are found by handle, from any process."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudclusters.base.handle import new_handle
from cloudclusters.contract.document import Contract
from cloudclusters.errors import UnknownHandle, WrongHandle
from cloudclusters.store import Store
from cloudclusters.vocabulary.constraint import Range, Terms


def test_contract_survives_the_process(store: Store, home: Path) -> None:
    """What is read by another opening of the store equals what was written."""
    assumptions = {"node_memory_size": Range(low=512 << 30), "accelerator_architecture": Terms(any_of=("Ada",))}
    contract = Contract(handle=new_handle(), node_count=8, assumptions=assumptions, created=5.0)

    store.save_contract(contract)

    again = Store.open(home)
    found = again.contract(contract.handle)
    assert found == contract
    assert (found.handle, found.created, found.version) == (contract.handle, contract.created, contract.version)
    assert again.contracts() == [contract]
    again.close()


def test_unknown_contract_names_near_ones(store: Store) -> None:
    """A typing mistake is pointed out."""
    store.save_contract(Contract(handle="FXqElAnSeTEpQAm"))
    with pytest.raises(UnknownHandle, match="FXqElAnSeTEpQAm"):
        store.contract("FXqElAnSeTEpQAn")


def test_cluster_where_a_contract_is_wanted(store: Store, made) -> None:
    """The error names the contract that the cluster came from."""
    made("K" * 15)
    with pytest.raises(WrongHandle, match="C" * 15):
        store.contract("K" * 15)


def test_resolution_is_replaced_by_a_later_one(store: Store) -> None:
    """`deploy` uses the latest, with the digests of what it was computed from."""
    for number in (b"1", b"2"):
        store.save_resolution("A" * 15, number, catalog_digest="c", settings_digest="s")
    found = store.resolution("A" * 15)
    assert found is not None
    assert (found.document, found.catalog_digest, found.settings_digest) == (b"2", "c", "s")


def test_contract_never_resolved(store: Store) -> None:
    """There is no resolution, and that is no error here."""
    assert store.resolution("A" * 15) is None
