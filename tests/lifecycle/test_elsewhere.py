"""Finding a cluster that another machine made: by what stands with its machines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from lifecycle_world import World, plan_of

from cloudclusters.errors import UnknownHandle
from cloudclusters.lifecycle.adopt import find_elsewhere
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.store import Store


def made_by_another(world: World, home: Path, name: str) -> str:
    """A cluster of another store, on the same cloud; its handle."""
    there = replace(world.ctx, home=home, store=Store.open(home))
    return asyncio.run(deploy(there, plan_of(), name=name)).handle


def test_a_cluster_is_found_by_handle_and_by_name(world: World, tmp_path: Path) -> None:
    """Our store does not know it; a word that fits nothing finds nothing."""
    handle = made_by_another(world, tmp_path / "other", "mine")
    for word in (handle, "mine"):
        found, troubles = asyncio.run(find_elsewhere(world.ctx, word, ["fake"]))
        assert found is not None
        assert (found.cluster, troubles) == (handle, [])
    assert asyncio.run(find_elsewhere(world.ctx, "yours", ["fake"])) == (None, [])


def test_a_name_that_several_have_is_not_guessed_at(world: World, tmp_path: Path) -> None:
    """The first one found might be a stranger's; the handle tells them apart."""
    handles = [made_by_another(world, tmp_path / each, "mine") for each in ("one", "two")]
    with pytest.raises(UnknownHandle, match="2 clusters are called 'mine'") as caught:
        asyncio.run(find_elsewhere(world.ctx, "mine", ["fake"]))
    assert all(handle in caught.value.message for handle in handles)
    found, _ = asyncio.run(find_elsewhere(world.ctx, handles[1], ["fake"]))
    assert found is not None
    assert found.cluster == handles[1]


def test_what_keeps_us_from_asking_is_told(world: World) -> None:
    """And is no end: another provider may have it."""
    world.cloud.fail("find", "CredentialsRefused")
    found, troubles = asyncio.run(find_elsewhere(world.ctx, "mine", ["fake"]))
    assert found is None
    assert troubles[0].startswith("fake: ")
