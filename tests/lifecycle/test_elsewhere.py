"""Finding a cluster that another machine made: by what stands with its machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec
import pytest
from lifecycle_world import SMALL, World, plan_of

from cloudclusters.base.cloud import Holding, Instance, Slot, SshEndpoint
from cloudclusters.errors import StoreError, UnknownHandle
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.adopt import adopt, find_elsewhere
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.words import plan_words
from cloudclusters.provider.fake.provider import FakeProvider
from cloudclusters.store import Store
from cloudclusters.store.record import ClusterState

P = ParamSpec("P")
T = TypeVar("T")


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


class Entered(FakeProvider):
    """A provider that lets a new key in, and whose machines carry their plan."""

    def describe(self, holding: Holding) -> Sequence[Instance]:
        """As launched, with the words."""
        words = plan_words(plan_of(), SMALL)
        return [msgspec.structs.replace(each, words=words) for each in super().describe(holding)]

    def enter(self, holding: Holding, instance: str, user: str, public_key: str) -> None:
        """The fleet asks for no key."""


def test_a_cluster_that_was_taken_up_half_way_has_its_key(world: World, tmp_path: Path) -> None:
    """Ctrl-C as soon as it stands in our store: the next verb enters its machines, and makes no record anew."""
    made_by_another(world, tmp_path / "other", "mine")
    provider = Entered(world.cloud)
    (holding,) = provider.find()

    async def cut_off(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await world.ctx.door(call, *args, **kwargs)
        if call == world.ctx.store.create:
            raise asyncio.CancelledError
        return result

    ctx = replace(world.ctx, provider=lambda _: provider)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(adopt(replace(ctx, door=cut_off), holding))
    assert (keys.folder(ctx.home, holding.cluster) / keys.CLIENT).is_file()
    assert asyncio.run(restart(ctx, holding.cluster)).state is ClusterState.RUNNING


@pytest.mark.parametrize("forged", ["cluster", "role", "user"])
def test_words_that_would_lead_elsewhere_are_refused(world: World, tmp_path: Path, forged: str) -> None:
    """Names become paths and lines of configuration here: whoever may write tags gets no further than that."""
    made_by_another(world, tmp_path / "other", "mine")
    (holding,) = world.cloud.provider().find()
    changes: dict[str, object] = {"slot": Slot("../../x", 0)} if forged == "role" else {}
    changes["endpoint"] = SshEndpoint(host="192.0.2.1", user="me\n  ProxyCommand x" if forged == "user" else "me")

    class Forged(Entered):
        def describe(self, holding: Holding) -> Sequence[Instance]:
            return [msgspec.structs.replace(each, **changes) for each in super().describe(known)]

    known = holding
    holding = msgspec.structs.replace(holding, cluster="../" * 5) if forged == "cluster" else holding
    with pytest.raises(StoreError, match="which no release of cloudclusters writes"):
        asyncio.run(adopt(replace(world.ctx, provider=lambda _: Forged(world.cloud)), holding))
    assert not (world.ctx.home / "keys").exists()
    assert not world.ctx.store.records()
