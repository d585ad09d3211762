"""The provider `local`: stop and start are real, and whatever dies half-way is seen and finished at the next look."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Offer, Place, Slot
from cloudclusters.base.json import digest
from cloudclusters.base.limits import AtLimit
from cloudclusters.errors import NoCapacity, NotSupported, ProviderError
from cloudclusters.provider.local import TRAITS
from cloudclusters.provider.local.address import pick
from cloudclusters.provider.local.agent import spawn_agent
from cloudclusters.provider.local.folder import STRUCK, Desired, Folders, NodeFile, state
from cloudclusters.provider.local.settings import LocalSettings
from cloudclusters.provider.local.system import identity, is_alive, kill_marked, send

INSTANCE_TYPE = "this-machine"
"""What this machine is called among instance types."""
PLACE = Place(region="local")
BOOT_TIME = 10.0
"""Seconds after which an agent that nobody saw start is not waited for any more."""
KILL_AFTER = 5.0
"""Seconds that an agent has to end in order before it is killed."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class LocalProvider:
    """Nodes below a folder of this machine."""

    traits = TRAITS

    def __init__(self, root: Path, settings: LocalSettings, *, now: Callable[[], float] = time.time) -> None:
        if sys.platform != "linux":
            raise NotSupported(
                f"the provider `local` needs Linux, not {sys.platform}",
                hint="each node needs a loopback address of its own: use Linux, a virtual machine or WSL",
            )
        self._folders = Folders(root)
        self.settings = settings
        self._now = now
        self._children: set[int] = set()

    # The six verbs

    def offers(self, regions: Collection[str]) -> Iterable[Offer]:
        """This machine, once, for nothing."""
        if regions and PLACE.region not in regions:
            return []
        return [Offer(provider="local", instance_type=INSTANCE_TYPE, place=PLACE, hourly_usd=0.0)]

    def prepare(self, holding: Holding) -> Holding:
        """Name the folder of the nodes; nothing is made before the first node."""
        return msgspec.structs.replace(holding, resources={"folder": str(self._folders.nodes)})

    def launch(self, holding: Holding, launch: Launch) -> Sequence[Instance]:
        """Make a folder and start an agent for each slot; returns before the agents answer."""
        made: list[NodeFile] = []
        with _translated("launch"), self._folders.lock():
            taken = {node.address for node in self._folders.all()}
            if any(self._folders.has_ended(_name(holding, launch, slot)) for slot in launch.slots):
                raise ProviderError(f"launch {launch.token} of {holding.cluster} was made before, and let go of")
            for slot in launch.slots:
                try:
                    node = self._seat(holding, launch, slot, taken)
                except (OSError, NoCapacity) as exc:
                    if not made or (isinstance(exc, OSError) and exc.errno not in _FULL):
                        raise
                    break
                taken.add(node.address)
                made.append(node)
        return [self._instance(node) for node in made]

    def describe(self, holding: Holding) -> Sequence[Instance]:
        """Every node of the cluster; finishes what was asked for and is not done yet."""
        with _translated("describe"):
            self._reap()
            nodes = self._of(holding)
            if any(self._needs_work(node) for node in nodes):
                with self._folders.lock():
                    for node in self._of(holding):
                        self._work(self._as_struck(node))
                self._folders.empty_trash()
                nodes = self._of(holding)
            return [self._instance(node) for node in nodes]

    def terminate(self, holding: Holding, ids: Collection[str]) -> None:
        """Stop these nodes and delete their folders; `describe` tells when they are gone."""
        with _translated("terminate"):
            self._want(holding, ids, Desired.TERMINATED)
            self._folders.empty_trash()

    def release(self, holding: Holding) -> None:  # noqa: ARG002  nothing of it was prepared
        """Nothing was prepared; what was deleted leaves the disk."""
        with _translated("release"):
            self._folders.empty_trash()

    # Abilities

    def stop(self, holding: Holding, ids: Collection[str]) -> None:
        """End everything on these nodes; folders and addresses stay."""
        with _translated("stop"):
            self._want(holding, ids, Desired.STOPPED)

    def start(self, holding: Holding, ids: Collection[str]) -> None:
        """Start the agents of these nodes again, at their old addresses."""
        with _translated("start"), self._folders.lock():
            for node in self._of(holding):
                if node.id not in ids or node.desired is Desired.TERMINATED:
                    continue
                seen = self._state(node)[0]
                if seen is InstanceState.STOPPING:
                    raise ProviderError(f"{node.slot.name} ({node.id}) is still stopping", hint="try again")
                comes = seen is InstanceState.PENDING and node.spawned is not None
                if seen is not InstanceState.RUNNING and not comes:
                    if not self._is_half_started(node):
                        self._work(node)
                    self._start(self._changed(msgspec.structs.replace(node, spawned=None), Desired.RUNNING))

    def find(self) -> Sequence[Holding]:
        """What every cluster with a node here holds, whatever store made it."""
        with _translated("find"):
            return list({node.holding.cluster: node.holding for node in self._folders.all()}.values())

    # How

    def _of(self, holding: Holding) -> list[NodeFile]:
        return [node for node in self._folders.all() if node.holding.cluster == holding.cluster]

    def _seat(self, holding: Holding, launch: Launch, slot: Slot, taken: Collection[str]) -> NodeFile:
        """The node of this token and slot, made when there is none yet."""
        name = _name(holding, launch, slot)
        node = self._folders.read(name)
        now = self._now()
        if node is None:
            node = NodeFile(
                id=name,
                holding=holding,
                slot=slot,
                token=launch.token,
                address=pick(self._folders.root, self.settings.network, taken),
                instance_type=launch.offer.instance_type,
                created=now,
                desired=Desired.RUNNING,
                since=now,
            )
            self._folders.make(node)
        if node.desired is Desired.RUNNING and node.spawned is None and self._folders.agent(node) is None:
            try:
                return self._start(node)
            except OSError:
                self._folders.discard(node.id)
                raise
        return node

    def _start(self, node: NodeFile) -> NodeFile:
        folder = self._folders.nodes / node.id
        for name in ("agent.json", STRUCK):
            (folder / name).unlink(missing_ok=True)
        os_pid = spawn_agent(folder, node)
        self._children.add(os_pid)
        return self._folders.write(msgspec.structs.replace(node, spawned=identity(os_pid), clean=False))

    def _want(self, holding: Holding, ids: Collection[str], desired: Desired) -> None:
        self._reap()
        with self._folders.lock():
            for node in self._of(holding):
                if node.id in ids:
                    as_wished = node.desired in (desired, Desired.TERMINATED)
                    self._work(node if as_wished else self._changed(node, desired))

    def _as_struck(self, node: NodeFile) -> NodeFile:
        """The node as its limit wants it, if one struck; the lock is ours."""
        struck = self._folders.struck(node) if node.desired is Desired.RUNNING else None
        if struck is None:
            return node
        desired = Desired.STOPPED if struck.at_limit is AtLimit.STOP else Desired.TERMINATED
        return self._changed(node, desired, struck=struck.why)

    def _changed(self, node: NodeFile, desired: Desired, *, struck: str = "") -> NodeFile:
        changes = {"desired": desired, "since": self._now(), "clean": False, "struck": struck}
        return self._folders.write(msgspec.structs.replace(node, **changes))

    def _state(self, node: NodeFile) -> tuple[InstanceState, str]:
        return state(self._folders, node, now=self._now(), boot_time=BOOT_TIME)

    def _needs_work(self, node: NodeFile) -> bool:
        if node.desired is Desired.RUNNING:
            return not node.clean and (self._state(node)[0] is InstanceState.GONE or self._is_half_started(node))
        return not node.clean

    def _is_half_started(self, node: NodeFile) -> bool:
        """Whether who wanted it to run again died before the agent was there."""
        agent = self._folders.agent(node)
        again = node.spawned is None and node.since != node.created
        return again and (agent is None or not is_alive(agent))

    def _work(self, node: NodeFile) -> None:
        """Finish a start, or bring a node that must not run closer to its end; the lock is ours."""
        if not self._needs_work(node):
            return
        if node.desired is Desired.RUNNING and self._is_half_started(node):
            self._start(node)
            return
        agents = [a for a in (self._folders.agent(node), node.spawned) if a is not None and is_alive(a)]
        late = self._now() - node.since > KILL_AFTER
        for agent in agents:
            send(agent, signal.SIGKILL if late else signal.SIGTERM)
        if agents or not kill_marked(node.id):
            return
        if node.desired is Desired.TERMINATED:
            self._folders.end(node.id)
        else:
            self._folders.write(msgspec.structs.replace(node, clean=True))

    def _instance(self, node: NodeFile) -> Instance:
        seen, reason = self._state(node)
        return Instance(
            id=node.id,
            slot=node.slot,
            token=node.token,
            state=seen,
            instance_type=node.instance_type,
            place=PLACE,
            endpoint=self._folders.endpoint(node),
            inner_address=node.address,
            launched_at=node.created,
            reason=reason,
            powered_off=bool(node.struck),
        )

    def _reap(self) -> None:
        """Take notice of agents that were our children and have ended."""
        for os_pid in list(self._children):
            try:
                ended = os.waitpid(os_pid, os.WNOHANG)[0] == os_pid
            except ChildProcessError:  # somebody else in this process has taken notice
                ended = True
            if ended:
                self._children.discard(os_pid)


def _name(holding: Holding, launch: Launch, slot: Slot) -> str:
    """The id of a node, which is the same however often its launch is repeated."""
    return "i-" + digest([holding.cluster, launch.token, slot.role, slot.index])[:14]


@contextlib.contextmanager
def _translated(verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        kind = NoCapacity if exc.errno in _FULL else ProviderError
        raise kind(f"this machine cannot {verb}: {exc}") from exc
