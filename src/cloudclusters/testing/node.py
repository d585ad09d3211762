"""A node without a machine: what its agent would hold, and how its processes would fare."""

from __future__ import annotations

import asyncio
import base64
import enum
import importlib.util
import itertools
import json
import platform
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from cloudclusters.errors import NodeError
from cloudclusters.remote.channel import LeaseRefused

GiB = 1 << 30
_os_pids = itertools.count(4000)


class Fate(enum.StrEnum):
    """How a process fares when it is started."""

    READY = "ready"
    """It is ready at once."""
    HANG = "hang"
    """It runs and never becomes ready."""
    FAIL = "fail"
    """It ends at every start, until the agent gives up."""
    CRASH = "crash"
    """It ends once and is ready in its second life."""


@dataclass(slots=True)
class FakeProcess:
    """A process on a fake node, in its present life."""

    specification: Mapping[str, object]
    state: str = "starting"
    life: str = ""
    os_pid: int | None = None
    started: float = 0.0
    ready: object = None
    exit: Mapping[str, object] | None = None
    restarts: int = 0

    @property
    def name(self) -> str:
        """Its name on the node."""
        return str(self.specification["name"])

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.state in ("starting", "ready")

    def as_message(self) -> dict[str, object]:
        """What the agent says of it."""
        return {
            "name": self.name,
            "kind": self.specification.get("kind", "service"),
            "state": self.state,
            "life": self.life,
            "os_pid": self.os_pid,
            "started": self.started,
            "ready": self.ready,
            "exit": self.exit,
            "restarts": self.restarts,
            "rss_bytes": 64 << 20 if self.alive else 0,
        }


Ran = tuple[int, str, str]
"""Exit code, standard output and standard error of a command."""


@dataclass(slots=True)
class FakeNode:
    """A node: files that outlive a stop, processes that do not."""

    cluster: str
    name: str
    instance: str
    inner_address: str
    boot: int
    vcpus: int = 4
    memory_bytes: int = 8 * GiB
    ready: object = None
    """What its processes say when they are ready."""
    fates: dict[str, list[Fate]] = field(default_factory=dict)
    """What awaits the next starts, by process name (empty: any)."""
    answers: dict[str, Ran] = field(default_factory=dict)
    """What commands come to, by their first word; others end with 0 and say nothing."""
    silent: bool = False
    """The agent does not answer."""
    cut_off: bool = False
    """Nothing passes between us and its machine."""
    files: dict[str, bytes] = field(default_factory=dict)
    processes: dict[str, FakeProcess] = field(default_factory=dict)
    lease: tuple[int, str, str] = (0, "", "")
    """Number, holder, and what is said of it; it ends only when it is let go of, or by `lapse`."""
    written: dict[tuple[str, str], str] = field(default_factory=dict)
    """Logs by process and life."""
    limits: Mapping[str, object] | None = None
    """What it was told of the cluster's limits; nothing here enforces them."""
    members: Mapping[str, object] = field(default_factory=dict)
    """What it says of the others, where it is the head: when it heard them."""
    requests: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    """Everything that the agent was asked."""
    watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[dict[str, object] | None]]] = field(
        default_factory=list
    )

    def reboot(self, boot: int) -> None:
        """Come up again: files are there, processes are not, the agent answers."""
        self.boot, self.silent = boot, False
        self.processes.clear()
        self.lapse()
        self.part()

    # What may happen to it

    def crash(self, process: str, *, restart: bool = True) -> None:
        """Let a process die; its agent starts it again unless told not to."""
        found = self.processes[process]
        found.exit = {"code": None, "signal": "SIGKILL", "reason": "signal", "text": ""}
        found.state = "exited" if restart else "failed"
        found.os_pid = None
        self._tell(found)
        if restart:
            found.restarts += 1
            self._live(found, Fate.READY)

    def notice(self, kind: str, at: float, *, action: str = "terminate") -> None:
        """Let its agent tell that the machine is taken back."""
        event: dict[str, object] | None = {"notice": {"kind": kind, "action": action, "at": at, "node": self.name}}
        for loop, queue in self.watchers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, event)

    def part(self) -> None:
        """End every stream, as when the connection is cut."""
        for loop, queue in self.watchers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, None)

    def lapse(self) -> None:
        """Let the time of its lease be over."""
        self.lease = (self.lease[0], "", "")

    # What the agent answers

    def answer(self, do: str, arguments: Mapping[str, object]) -> dict[str, object]:
        """Answer one request; raises `NodeError`."""
        match do:
            case "hello":
                return self._hello()
            case "write":
                return self._write(_mappings(arguments["files"]))
            case "start":
                return {"processes": [self._start(wish) for wish in _mappings(arguments["processes"])]}
            case "stop":
                return self._stop(arguments.get("names"))
            case "retire":
                return self._stop(arguments.get("names") or self._workers())
            case "notice":
                return self._stop(self._workers() if arguments["kind"] == "interruption" else ())
            case "list":
                return {"processes": [process.as_message() for process in self.processes.values()]}
            case "logs":
                return {
                    "files": [
                        {"name": name, "life": life, "bytes": len(text), "modified": 0.0}
                        for (name, life), text in self.written.items()
                    ]
                }
            case "limits":
                return self._limits(arguments.get("limits"))
            case "lease":
                return self._give_lease(arguments)
            case "unlease":
                if arguments["number"] == self.lease[0]:
                    self.lapse()
                return {}
            case "leave":
                self._stop(None)
                self.silent = True
                self.part()
                return {}
        raise NodeError(f"{self.name}: the agent does not know {do!r}")

    async def events(self, do: str, arguments: Mapping[str, object]) -> AsyncIterator[dict[str, object]]:
        """Answer one request that streams."""
        match do:
            case "watch":
                async for event in self._watch():
                    yield event
            case "run":
                for event in self._run(arguments):
                    yield event
            case "log":
                yield {"text": self._log(str(arguments["name"]), arguments.get("life"), arguments.get("tail"))}
            case _:
                raise NodeError(f"{self.name}: the agent does not stream {do!r}")

    def _hello(self) -> dict[str, object]:
        return {
            "agent": "fake",
            "node": self.name,
            "instance": self.instance,
            "hostname": f"{self.instance}.fake",
            "python": "3.11.0",
            "executable": "/usr/bin/python3",
            "vcpus": self.vcpus,
            "memory_bytes": self.memory_bytes,
            "directory": f"/fake/{self.instance}",
            "os_pid": 1000,
            "boot": f"boot-{self.boot}",
            "started": 0.0,
        }

    def _give_lease(self, asked: Mapping[str, object]) -> dict[str, object]:
        number, holder, said = self.lease
        if asked["number"] is not None:
            if asked["number"] != number or not holder:
                raise LeaseRefused("lost", reason=f"it is with {said or 'nobody'}")
        elif holder and holder != asked["holder"]:
            raise LeaseRefused("held", reason=said, held=True)
        else:
            said = f"`{asked['verb']}` is being run by {asked['who']}, for 0 s"
            self.lease = (number + 1, str(asked["holder"]), said)
        return {"number": self.lease[0]}

    def _limits(self, told: object) -> dict[str, object]:
        """As an agent that was in use a moment ago, and is so no more."""
        if isinstance(told, Mapping):
            self.limits = told
        idle = None if self.limits is None else self.limits["idle_timeout"]
        why = "" if idle is None else "idle"
        said = {"limits": self.limits, "busy": [], "idle_for": 0.0, "strikes_in": idle, "why": why}
        return {**said, "port": 8700, "members": self.members}

    def _write(self, files: Sequence[Mapping[str, object]]) -> dict[str, object]:
        for file in files:
            coded = file.get("base64")
            content = str(file.get("text", "")).encode() if coded is None else base64.b64decode(str(coded))
            self.files[str(file["path"])] = content
        return {}

    def _start(self, wish: Mapping[str, object]) -> dict[str, object]:
        name = str(wish["name"])
        process = self.processes.get(name)
        if process is None or not process.alive or process.specification != wish:
            process = self.processes[name] = FakeProcess(specification=dict(wish))
            self._live(process, self._next_fate(name))
        return process.as_message()

    def _next_fate(self, process: str) -> Fate:
        for key in (process, ""):
            if self.fates.get(key):
                return self.fates[key].pop(0)
        return Fate.READY

    def _live(self, process: FakeProcess, fate: Fate) -> None:
        """Begin a life of a process, and let its fate come true."""
        process.life, process.os_pid, process.state = secrets.token_hex(5), next(_os_pids), "starting"
        process.ready = None
        self.written[process.name, process.life] = f"{process.name} starts\n"
        self._tell(process)
        match fate:
            case Fate.READY:
                process.state, process.ready = "ready", {} if self.ready is None else self.ready
                self._tell(process)
            case Fate.FAIL:
                self.written[process.name, process.life] += f"{process.name} cannot go on\n"
                process.restarts = int(str(process.specification.get("restarts", 5)))
                process.state, process.os_pid = "failed", None
                process.exit = {"code": 1, "signal": None, "reason": "exited", "text": ""}
                self._tell(process)
            case Fate.CRASH:
                self.crash(process.name)
            case Fate.HANG:
                pass

    def _workers(self) -> list[str]:
        return [p.name for p in self.processes.values() if p.specification.get("kind") == "worker"]

    def _stop(self, names: object) -> dict[str, object]:
        for process in self.processes.values():
            if process.alive and (names is None or (isinstance(names, Sequence) and process.name in names)):
                process.state, process.os_pid = "stopped", None
                process.exit = {"code": None, "signal": "SIGTERM", "reason": "stopped", "text": ""}
                self._tell(process)
        return {}

    def _tell(self, process: FakeProcess) -> None:
        event: dict[str, object] | None = {"process": process.as_message()}
        for loop, queue in self.watchers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, event)

    async def _watch(self) -> AsyncIterator[dict[str, object]]:
        queue: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
        for process in self.processes.values():
            queue.put_nowait({"process": process.as_message()})
        mine = (asyncio.get_running_loop(), queue)
        self.watchers.append(mine)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self.watchers.remove(mine)

    def _run(self, arguments: Mapping[str, object]) -> Sequence[dict[str, object]]:
        argv = arguments["argv"]
        assert isinstance(argv, Sequence)
        if len(argv) == 6 and argv[-1] in ("look", "reach", "build"):
            return [{"fd": 1, "text": json.dumps(self._prepared(str(arguments["stdin"])))}, {"code": 0}]
        code, out, err = self.answers.get(str(argv[0]), (0, "", ""))
        said = [{"fd": fd, "text": text} for fd, text in ((1, out), (2, err)) if text]
        return [*said, {"code": code}]

    def _prepared(self, asked: str) -> dict[str, object]:
        """What the program that prepares nodes would say: every environment is there, with the driver's versions."""
        ask = json.loads(asked)
        found = {name: version(name) for name in ask["names"] if importlib.util.find_spec(name)}
        layers = [layer["digest"] for layer in ask["layers"]]
        return {"ready": layers, "python": platform.python_version(), "versions": found}

    def _log(self, name: str, life: object, tail: object) -> str:
        lives = [known for process, known in self.written if process == name and life in (None, "", known)]
        lines = self.written[name, lives[-1]].splitlines(keepends=True) if lives else []
        return "".join(lines[-tail:] if isinstance(tail, int) and tail else lines)


def _mappings(value: object) -> list[Mapping[str, object]]:
    assert isinstance(value, Sequence)
    return [{str(key): inner for key, inner in dict(entry).items()} for entry in value]
