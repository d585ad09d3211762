"""What is on disk: a folder per node, whose `node.json` is written before anything of it runs."""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloudclusters.base.cloud import Holding, InstanceState, Slot, SocketEndpoint
from cloudclusters.base.limits import AtLimit
from cloudclusters.errors import ProviderError
from cloudclusters.provider.local.system import Identity, is_alive, is_locked

REMEMBERED = 7 * 86400.0
"""Seconds that a node which was let go of is remembered: no driver sleeps longer in the middle of a launch."""

STRUCK = "agent.struck"
_ID = re.compile("i-[0-9a-f]{14}")
_MADE = "made.json"
"""The first `node.json` of a node, which is never written again: one damaged node must not stop all others."""


class Desired(enum.StrEnum):
    """What we want of a node."""

    RUNNING = "running"
    """Its agent runs."""
    STOPPED = "stopped"
    """Nothing of it runs; its folder stays."""
    TERMINATED = "terminated"
    """Nothing of it is left."""


class NodeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`node.json`: all that is known of a node. `since` is when `desired` was last set."""

    id: str
    holding: Holding
    slot: Slot
    token: str
    address: str
    instance_type: str
    created: float
    desired: Desired
    since: float
    spawned: Identity | None = None
    """The agent as it was started; None when it was not, or when we died just then."""
    clean: bool = False
    """Nothing of it was running when we last looked, and nothing was started since."""
    struck: str = ""
    """The limit by which it let go of itself; empty when somebody else ended it, or nobody did."""


class _Struck(msgspec.Struct, frozen=True):
    """`agent.struck`: a limit struck, so the agent ended everything and itself."""

    at_limit: AtLimit
    why: str


class _AgentFile(msgspec.Struct, frozen=True):
    """`agent.json`: who the agent is; it writes this once it answers."""

    os_pid: int
    start: str
    boot: str


class Folders:
    """The folders of all nodes of one home."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.nodes = root / "nodes"
        self._trash = root / "trash"
        self._ended = root / "ended"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Let nobody else change nodes meanwhile; the system frees it when we die."""
        for folder in (self.root, self.nodes, self._trash, self._ended):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.root / "lock", "a", opener=_for_us_alone) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            for entry in self.nodes.glob(".*"):
                self.discard(entry.name)  # a launch died while it made this
            yield

    def all(self) -> list[NodeFile]:
        """Every node, in the order of clusters and slots; raises `ProviderError` for one that cannot be read."""
        try:
            # What is not called as a node was put there by somebody else, and is none of ours.
            names = [entry.name for entry in os.scandir(self.nodes) if _ID.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        found = [node for node in map(self.read, names) if node is not None]
        return sorted(found, key=lambda n: (n.holding.cluster, n.slot.role, n.slot.index, n.created))

    def read(self, node: str) -> NodeFile | None:
        """One node by its id, or None; when what was written last is damaged, as it was made.

        Then it is told by what lives whether it runs, and it can be let go of like any other.
        """
        path = self.nodes / node / "node.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=NodeFile)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except msgspec.DecodeError as exc:
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                return msgspec.json.decode(path.with_name(_MADE).read_bytes(), type=NodeFile)
            raise ProviderError(
                f"{path} cannot be read: {exc}",
                hint="it was damaged, or written by a newer release; only you can know if its folder may be deleted",
            ) from exc

    def make(self, node: NodeFile) -> None:
        """Make the folder of a new node, whole or not at all."""
        fresh = self.nodes / f".{node.id}"
        fresh.mkdir(mode=0o700)
        for name in (_MADE, "node.json"):
            (fresh / name).write_bytes(msgspec.json.encode(node))
            (fresh / name).chmod(0o600)
        fresh.rename(self.nodes / node.id)

    def write(self, node: NodeFile) -> NodeFile:
        """Write what is known of a node anew."""
        path = self.nodes / node.id / "node.json"
        fresh = path.with_name(".node.json")
        fresh.write_bytes(msgspec.json.encode(node))
        fresh.chmod(0o600)
        fresh.replace(path)
        return node

    def has_ended(self, node: str) -> bool:
        """Whether a node of this id was here and was let go of: a late launch must not bring it back."""
        return (self._ended / node).exists()

    def end(self, node: str) -> None:
        """Remember that this node was let go of, and let its folder vanish."""
        (self._ended / node).touch(mode=0o600)
        self.discard(node)
        for entry in list(os.scandir(self._ended)):
            if entry.stat().st_mtime < time.time() - REMEMBERED:
                Path(entry.path).unlink(missing_ok=True)

    def discard(self, node: str) -> None:
        """Let a node's folder vanish at once; `empty_trash` frees the disk."""
        (self.nodes / node).rename(self._trash / f"{node}.{secrets.token_hex(4)}")

    def empty_trash(self) -> None:
        """Free the disk of what was discarded; others may be doing the same."""
        for entry in list(self._trash.glob("*")):
            while entry.exists():
                try:
                    shutil.rmtree(entry)
                except FileNotFoundError:
                    continue
                except PermissionError:
                    _make_deletable(entry)
                    shutil.rmtree(entry)

    def endpoint(self, node: NodeFile) -> SocketEndpoint:
        """Where the node's agent answers."""
        return SocketEndpoint(path=str(self.nodes / node.id / "agent.sock"))

    def agent(self, node: NodeFile) -> Identity | None:
        """The node's agent as it told us, dead or alive; None when it did not or has left in order."""
        try:
            said = msgspec.json.decode((self.nodes / node.id / "agent.json").read_bytes(), type=_AgentFile)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:
            return Identity(os_pid=0, start="", boot="")
        return Identity(os_pid=said.os_pid, start=said.start, boot=said.boot)

    def struck(self, node: NodeFile) -> _Struck | None:
        """What the agent left behind when a limit struck, once it has ended; None when none did."""
        try:
            said = msgspec.json.decode((self.nodes / node.id / STRUCK).read_bytes(), type=_Struck)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        agent = self.agent(node)
        return None if agent is not None and is_alive(agent) else said

    def last_words(self, node: NodeFile) -> str:
        """The last line that the node's agent printed."""
        try:
            lines = (self.nodes / node.id / "agent.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return lines[-1].strip() if lines else ""


def _make_deletable(folder: Path) -> None:
    """Open every folder below to us: what ran on the node may have closed some."""
    folder.chmod(stat.S_IRWXU)
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)


def state(folders: Folders, node: NodeFile, *, now: float, boot_time: float) -> tuple[InstanceState, str]:
    """What a node is by what lives, and why it is gone when it is."""
    agent = folders.agent(node)
    answers = agent is not None and is_alive(agent) and is_locked(folders.nodes / node.id / "agent.lock")
    comes = agent is None and node.spawned is not None and is_alive(node.spawned)
    match node.desired:
        case Desired.TERMINATED:
            return InstanceState.TERMINATING, node.struck
        case Desired.STOPPED:
            return (InstanceState.STOPPED if node.clean else InstanceState.STOPPING), node.struck
        case Desired.RUNNING if answers:
            return InstanceState.RUNNING, ""
        case Desired.RUNNING if comes or (agent is None and node.spawned is None and now - node.since < boot_time):
            return InstanceState.PENDING, ""
    if agent is not None or node.spawned is not None:
        return InstanceState.GONE, f"its agent ended; it last said: {folders.last_words(node) or 'nothing'}"
    return InstanceState.GONE, "its agent was never started"


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
