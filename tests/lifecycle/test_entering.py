"""Entering machines: keys, first-boot text, and what is done about a machine that does not let us in."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from lifecycle_world import SMALL, World, plan_of

from cloudclusters.base.cloud import Holding, Launch, Market, Place
from cloudclusters.contract.document import Plan
from cloudclusters.errors import DeployFailed, InvalidSetting, NoCapacity
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.first_boot import Letting, first_boot_text, read_script
from cloudclusters.lifecycle.links import UNHEARD, open_all
from cloudclusters.provider.fake.provider import FakeProvider
from cloudclusters.remote.ssh import LoginRefused, NoAnswer, make_key
from cloudclusters.store.record import ClusterRecord


class Guarded(FakeProvider):
    """A provider with a firewall, consoles and zones."""

    def __init__(self, world: World) -> None:
        super().__init__(world.cloud)
        self.admitted: list[str] = []
        self.fleet = world.fleet

    def admit(self, holding: Holding, ports: Collection[int] = ()) -> Holding:
        """The address is another one now; nothing is refused from here on."""
        self.admitted.append(holding.cluster)
        self.fleet.refuse(0)
        return msgspec.structs.replace(holding, resources={**holding.resources, "caller": "192.0.2.7"})

    def console(self, holding: Holding, instance: str) -> str:
        """What it printed."""
        return "\n".join(f"line {n}" for n in range(40)) + "\nkernel panic"

    def zones(self, offer: object) -> list[Place]:
        """Two zones."""
        return [Place("north", "north-a"), Place("north", "north-b")]


def guarded(world: World) -> tuple[World, Guarded]:
    """The world with such a provider."""
    provider = Guarded(world)
    world.ctx = replace(world.ctx, provider=lambda _: provider)
    return world, provider


def patient(plan: Plan, seconds: float) -> Plan:
    """The plan with so much patience for a boot."""
    return msgspec.structs.replace(plan, settings={"boot_timeout": seconds})


def test_one_time_key_is_the_same_for_a_token(tmp_path: Path) -> None:
    """A launch that is repeated must send the same first-boot text."""
    (tmp_path / "keys").mkdir()
    first = keys.first_key(tmp_path, "C", "t0")
    assert keys.first_key(tmp_path, "C", "t0") == first
    assert keys.first_key(tmp_path, "C", "t1") != first
    assert keys.trusted_first(tmp_path, "C", "t0") == first.public
    keys.forget_first(tmp_path, "C", ["t0", "never-made"])
    assert keys.trusted_first(tmp_path, "C", "t0") == ""
    assert keys.trusted_first(tmp_path, "C", "t1") != ""


def test_keys_are_for_this_user_alone(tmp_path: Path) -> None:
    """The private half is nobody else's to read."""
    keys.client_key(tmp_path, "C")
    path = keys.folder(tmp_path, "C") / keys.CLIENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_half_written_key_is_made_anew(tmp_path: Path) -> None:
    """A crash between the two halves leaves a key that nobody has seen."""
    public = keys.client_key(tmp_path, "C")
    (keys.folder(tmp_path, "C") / f"{keys.CLIENT}.pub").unlink()
    assert keys.client_key(tmp_path, "C") != public


def test_a_launch_does_not_print_its_first_boot_text() -> None:
    """It may get into a log or a traceback; the one-time key in it is trusted for some minutes."""
    key = make_key()
    launch = Launch(
        token="t", offer=SMALL, slots=(), user_data=first_boot_text("ssh-ed25519 AAAA me", key, Letting("f"))
    )
    assert key.private.splitlines()[1] not in repr(launch)
    assert "fake.small" in repr(launch)


def test_first_boot_text_holds_one_secret_only() -> None:
    """User-data may be read by others: the one-time host key, and nothing else, is secret in it."""
    client, one_time = make_key("client"), make_key("one-time")
    letting = Letting(".cloudclusters/abc", idle_timeout=90.5, deadline=2e9)
    text = first_boot_text(client.public, one_time, letting, "#!/bin/sh\necho hello\n")
    head, _, body = text.partition("\n")
    config = json.loads(body)
    assert head == "#cloud-config"
    assert config["ssh_authorized_keys"] == [client.public]
    assert config["ssh_keys"] == {"ed25519_private": one_time.private, "ed25519_public": one_time.public}
    guard, script = config["write_files"]
    assert guard["path"].startswith("/var/lib/cloud/scripts/per-boot/")
    assert "folder=.cloudclusters/abc launch_idle=91 launch_deadline=2000000000" in guard["content"]
    assert script["content"] == "#!/bin/sh\necho hello\n"
    assert client.private not in text
    assert len(text) < 7000


@pytest.mark.parametrize(("content", "why"), [(None, "cannot be read"), (b"\xff\xfe", "cannot be read"), (b"ls", "#!")])
def test_wrong_first_boot_script_is_told(tmp_path: Path, content: bytes | None, why: str) -> None:
    """Before anything is made."""
    path = tmp_path / "boot.sh"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=why):
        read_script(msgspec.structs.replace(plan_of(), settings={"first_boot": str(path)}))


def deployed(world: World, plan: Plan | None = None) -> ClusterRecord:
    """A running cluster."""
    return asyncio.run(deploy(world.ctx, plan or plan_of()))


def test_refusals_of_a_booting_machine_pass(world: World) -> None:
    """sshd may be up before the keys are: that is not the end."""
    world.fleet.refuse(5, error=LoginRefused)
    assert deployed(world).state == "running"


def test_refusals_that_stay_end_the_wait(world: World) -> None:
    """A wrong user is told soon, not after ten minutes of patience."""
    world.fleet.refuse(10_000, error=LoginRefused)
    before = world.clock.monotonic()
    with pytest.raises(DeployFailed) as caught:
        deployed(world, patient(plan_of(), 600))
    assert "nothing answers" in str(caught.value)
    assert world.clock.monotonic() - before < 120
    assert not world.machines()


def test_machine_that_never_answers_shows_its_console(world: World) -> None:
    """What it printed while it booted is the best hint that there is."""
    world, provider = guarded(world)
    world.fleet.refuse(10_000)
    with pytest.raises(DeployFailed, match="kernel panic") as caught:
        deployed(world, patient(plan_of(), 60))
    assert "line 39" in str(caught.value)
    assert "line 2\n" not in str(caught.value)
    assert not provider.admitted
    assert not world.machines()


def test_silence_asks_the_firewall(world: World) -> None:
    """The caller's address may have changed: after some silence the provider is told the present one, once."""
    world, provider = guarded(world)
    world.fleet.refuse(10_000, error=NoAnswer)
    record = deployed(world, patient(plan_of(3), 600))
    assert provider.admitted == [record.handle]


def test_single_attempt_asks_the_firewall_and_tries_again(world: World) -> None:
    """A command that does not wait for a boot still works from a new address."""
    world, provider = guarded(world)
    record = deployed(world)
    world.ctx.links.clear()
    world.clock.advance(2 * UNHEARD)
    world.fleet.refuse(10_000, error=NoAnswer)
    assert len(asyncio.run(open_all(world.ctx, record, patience=0))) == 2
    assert provider.admitted == [record.handle]


def test_machine_lost_while_it_boots_ends_the_wait(world: World) -> None:
    """Nobody waits ten minutes for a machine that the provider says is gone."""
    world.fleet.refuse(10_000)
    record = None

    async def lose() -> None:
        nonlocal record
        task = asyncio.create_task(deploy(world.ctx, patient(plan_of(), 600)))
        while not world.cloud.machines() or "connecting" not in world.phases("node0"):
            await asyncio.sleep(0)
        world.cloud.lose(world.cloud.machines()[0].id)
        await task

    with pytest.raises(DeployFailed, match="gone"):
        asyncio.run(lose())
    assert not world.machines()


def test_other_zones_are_tried_before_the_next_offer(world: World) -> None:
    """Where the provider chose a zone without room, the others may have some."""
    world, _ = guarded(world)
    world.cloud.no_capacity("fake.small", times=2)
    record = deployed(world, plan_of(fallbacks=(msgspec.structs.replace(SMALL, market=Market.SPOT),)))
    assert {node.offer.place.zone for node in record.nodes} == {"north-b"}
    assert {node.token for node in record.nodes} == {f"{record.handle}-peer-0-1"}


def test_every_attempt_is_listed(world: World) -> None:
    """Nothing had room: each offer and zone is told with its reason."""
    world, _ = guarded(world)
    world.cloud.no_capacity("fake.small")
    with pytest.raises(DeployFailed) as caught:
        deployed(world)
    assert str(caught.value).count("fake.small") >= 3
    assert isinstance(caught.value.__cause__, NoCapacity)
    assert not world.machines()
