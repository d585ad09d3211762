"""Environments in the lifecycle: captured once on the driver, looked for on every node, built where they are not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cloudclusters.base.json import digest
from cloudclusters.contract.document import Plan
from cloudclusters.engine.registry import engine as find_engine
from cloudclusters.environment.conda import MICROMAMBA, URL
from cloudclusters.environment.onnode import command
from cloudclusters.environment.protocol import Captured, Facts, Parcel, Ready
from cloudclusters.environment.registry import environment as find_environment
from cloudclusters.environment.registry import ready
from cloudclusters.environment.versions import COMPARED, disagreement
from cloudclusters.environment.wish import Wish, wish_of
from cloudclusters.errors import InvalidSetting, NodeError
from cloudclusters.lifecycle import capturing, keys, modules
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.store.record import ClusterRecord, NodeRecord

KEPT = "environment.json"
"""In the cluster's key folder: what was captured for it last, from which nodes that join later are made."""
SHOWN = 4000
"""Characters of a failed step's output that are shown."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What the program on the node tells: layers and parcels that are there, and versions once all layers are."""

    ready: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    python: str = ""
    versions: dict[str, str] = {}
    failure: str = ""
    reaches: bool = False


@dataclass(slots=True, kw_only=True)
class Preparation:
    """What a verb brings up on the nodes of a cluster. Which way packages come is decided once, and when needed."""

    captured: Captured
    local_python: str
    facts: Mapping[str, Facts]
    ready: Mapping[str, Ready]
    by_driver: bool | None = None
    crates: dict[str, Path] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def discard(self) -> None:
        """Delete the crates that were packed for the nodes."""
        for crate in self.crates.values():
            crate.unlink(missing_ok=True)
        self.crates.clear()


def wished(plan: Plan, *, shared: bool) -> Wish:
    """The wish of a plan, its options and files checked; `shared`: its nodes are this machine. Costs nothing.

    Raises `InvalidSetting`, `UnknownName`.
    """
    found = find_environment(plan.environment)
    wish = wish_of(found.name, plan.settings, find_engine(plan.engine).requires)
    if wish.apt and shared:
        raise InvalidSetting(
            f"apt = {' '.join(wish.apt)!r} would install Debian packages on this machine: nodes of {plan.provider} "
            "are processes of it",
            hint=f"leave apt out and run `sudo apt-get install {' '.join(wish.apt)}` yourself",
        )
    capturing.check_files(wish)
    return wish


def capture_now(ctx: Context, record: ClusterRecord) -> Captured:
    """Find what the cluster's environment needs from the driver, and keep it for nodes that join later. Blocks.

    Raises `InvalidSetting`, `NotSupported`.
    """
    shared = ctx.provider(record.holding.provider).traits.shared
    captured = capturing.capture(ctx.home, wished(record.plan, shared=shared))
    keys.write(ctx.home, record.handle, {KEPT: msgspec.json.encode(captured)})
    return captured


def captured_for(ctx: Context, record: ClusterRecord, *, anew: bool) -> Captured:
    """What was captured for the cluster last; captured again when asked, or when there is none. Blocks.

    A program that is not the user's, as our command line, has neither his packages nor his modules, and another
    folder may lack his files: then what was kept is taken.
    """
    with contextlib.suppress(FileNotFoundError, msgspec.ValidationError, msgspec.DecodeError):
        kept = msgspec.json.decode(keys.read(ctx.home, record.handle, KEPT), type=Captured)
        sent = (*kept.projects, *kept.wheels, *(p for p in (kept.modules, kept.uv_wheel) if p is not None))
        complete = all((ctx.home / capturing.FOLDER / parcel.path).is_file() for parcel in sent)
        if complete and not (anew and _can_capture(kept.wish)):
            return kept
    return capture_now(ctx, record)


def _can_capture(wish: Wish) -> bool:
    if wish.environment == "sync" and modules.folder_of_script() is None:
        return False
    return all(Path(path).expanduser().is_file() for path in (wish.script, wish.requirements, wish.conda_file) if path)


async def plan_nodes(ctx: Context, record: ClusterRecord, facts: Mapping[str, Facts], *, anew: bool) -> Preparation:
    """What the environment comes to on every node, by its facts; runs nothing there."""
    captured = await ctx.door(lambda: captured_for(ctx, record, anew=anew))
    # Nodes that share this machine's hardware are this machine, and have its Python.
    local = ctx.python if ctx.provider(record.holding.provider).traits.shared else ""
    found = {name: ready(captured, fact, local_python=local) for name, fact in facts.items()}
    return Preparation(captured=captured, local_python=local, facts=facts, ready=found)


async def prepare(ctx: Context, record: ClusterRecord, node: NodeRecord, link: Link, preparation: Preparation) -> None:
    """Have the environment on a node, and see that its versions go with ours.

    May be repeated: what is there is found by its digest. Raises `NodeError` with the end of the log of a failed step.
    """
    wanted = preparation.ready[node.name]
    if wanted.here and not wanted.layers:
        return
    work = _Work(ctx, record, node.name, link, preparation)
    found = await work.look(wanted)
    if len(found.ready) < len(wanted.layers):
        found = await work.build(found)
    if wanted.here:
        return
    if found.failure:
        raise _unfit(node.name, found.failure, record.plan.environment)
    agree(record, node, preparation, {"python": found.python, **found.versions})


def is_told_later(node: NodeRecord, preparation: Preparation) -> bool:
    """Whether nothing is to be built on a node, so that its processes can tell the versions when they are ready."""
    wanted = preparation.ready[node.name]
    return not wanted.layers and not wanted.here and bool(preparation.captured.wish.requires)


def agree(record: ClusterRecord, node: NodeRecord, preparation: Preparation, theirs: Mapping[str, str]) -> None:
    """Raise `NodeError` when a node's versions do not go with ours."""
    problem = disagreement(preparation.captured.ours, theirs, preparation.captured.wish.requires)
    if problem:
        raise _unfit(node.name, problem, record.plan.environment)


def _unfit(node: str, problem: str, environment: str) -> NodeError:
    hint = "write environment=sync, which gives nodes the packages that are installed here"
    if environment == "sync":
        hint = "deploy the cluster again, or restart it from the program that computes on it"
    elif environment in ("uv", "pip", "conda"):
        hint = "leave python_version out and name no other version of distributed there, or write environment=sync"
    return NodeError(f"{node} does not fit: {problem}", hint=hint)


@dataclass(frozen=True, slots=True)
class _Work:
    """The work on one node."""

    ctx: Context
    record: ClusterRecord
    node: str
    link: Link
    preparation: Preparation

    async def look(self, wanted: Ready) -> Looked:
        """Which of these layers and parcels are there."""
        return await self._run("look", wanted, {})

    async def build(self, seen: Looked) -> Looked:
        """Send what is missing, and build every layer that is not ready."""
        by_driver = await self._by_driver()
        wanted = self.preparation.ready[self.node]
        if by_driver:
            captured = self.preparation.captured
            facts = self.preparation.facts[self.node]
            wanted = ready(captured, facts, local_python=self.preparation.local_python, by_driver=True)
            seen = await self.look(wanted)
        missing = [parcel for parcel in wanted.parcels if parcel.path not in seen.has]
        crate = await self._send(wanted, missing) if missing else ""
        return await self._run("build", wanted, {"crate": crate})

    async def _by_driver(self) -> bool:
        """Whether packages come from the driver; the first node that needs them decides for all."""
        preparation = self.preparation
        async with preparation.lock:
            if preparation.by_driver is None:
                decided = await self._decide()
                if decided:
                    self.ctx.tell(self.record.handle, "installing", "making wheels of what is installed here")
                    preparation.captured = await self.ctx.door(
                        capturing.with_wheels, self.ctx.home, preparation.captured
                    )
                preparation.by_driver = decided
        return preparation.by_driver

    async def _decide(self) -> bool:
        captured, facts = self.preparation.captured, self.preparation.facts[self.node]
        wish = captured.wish
        if wish.environment not in ("uv", "sync"):
            return False
        theirs = f"linux {facts.machine or captured.platform.partition(' ')[2]}"
        if theirs != captured.platform:
            _check_platform(self.node, theirs, captured)
            return False
        if wish.wheels == "index":
            return False
        if wish.wheels == "driver" or not captured.index.url:
            return True
        found = await self._run("reach", self.preparation.ready[self.node], {"index": captured.index.url})
        return not found.reaches

    async def _send(self, wanted: Ready, missing: Sequence[Parcel]) -> str:
        """Send parcels in one file; returns its name below the folder of environments."""
        size = sum(parcel.size for parcel in missing)
        text = f"sending {len(missing)} files, {max(1, size >> 20)} MB"
        self.ctx.tell(self.record.handle, "installing", text, node=self.node)
        name = f"crate-{digest(sorted(p.path for p in missing))[:24]}.tar"
        home = self.ctx.home / capturing.FOLDER
        async with self.preparation.lock:
            crate = self.preparation.crates.get(name)
            if crate is None:
                crate = await self.ctx.door(_pack, home, missing)
                self.preparation.crates[name] = crate
        await self.link.put(crate, f"{wanted.root}/{name}")
        return name

    async def _run(self, verb: str, wanted: Ready, more: Mapping[str, object]) -> Looked:
        """Run the program on the node to its end, telling its steps."""
        executable = self.preparation.facts[self.node].executable
        ask = {**_asked(self.preparation, wanted), **more}
        lines: list[str] = []
        code: object = None
        argv = list(command(executable, verb))
        async with contextlib.aclosing(self.link.stream("run", argv=argv, stdin=json.dumps(ask))) as events:
            rest = ""
            async for event in events:
                if "text" in event:
                    *whole, rest = (rest + str(event["text"])).split("\n")
                    self._hear(whole)
                    lines += whole
                code = event.get("code", code)
        lines += [rest] if rest else []
        if code != 0:
            raise self._failed(code, lines)
        said = next((line for line in reversed(lines) if line.startswith("{")), "{}")
        return msgspec.json.decode(said, type=Looked)

    def _failed(self, code: object, lines: Sequence[str]) -> NodeError:
        """The title of the step that failed, its code, the last that it said, and what may help."""
        steps = [number for number, line in enumerate(lines) if line.startswith("== ")]
        title = lines[steps[-1]][3:] if steps else "looking at the environment"
        output = "\n".join(lines[steps[-1] + 1 :] if steps else lines).strip()[-SHOWN:]
        hint = "nothing of the step was kept: mend it, and deploy or restart again"
        if " packages from " in title and not self.preparation.by_driver:
            hint += "; wheels=driver sends what is installed here, for what an index does not have"
        elif title.startswith("installing Python"):
            hint = "choose an image with that version of Python, or leave python_version out"
        return NodeError(f"{self.node}: {title} ended with code {code}:\n{output}", hint=hint)

    def _hear(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line.startswith("== "):
                self.ctx.tell(self.record.handle, "installing", line[3:], node=self.node)


def _check_platform(node: str, theirs: str, captured: Captured) -> None:
    """Refuse to send what runs only on the driver's platform."""
    if captured.wish.wheels == "driver":
        raise NodeError(
            f"the driver's wheels are for {captured.platform}, and {node} is {theirs}",
            hint="write wheels=index to have nodes fetch packages themselves",
        )
    bound = sorted(parcel.name for parcel in captured.projects if not parcel.name.endswith("-none-any.whl"))
    if bound:
        raise NodeError(
            f"{', '.join(bound)} cannot be had from an index, is for {captured.platform}, and {node} is {theirs}",
            hint="install versions from an index here, or write their names into sync_exclude",
        )


def _asked(preparation: Preparation, wanted: Ready) -> dict[str, object]:
    """What the program on the node needs to know."""
    captured = preparation.captured
    here = bool(preparation.local_python)
    uv_wheel = captured.uv_wheel.path if captured.uv_wheel in wanted.parcels and captured.uv_wheel else ""
    names = sorted({*COMPARED, *captured.wish.requires})
    base = preparation.local_python if here and captured.python == _minor(captured) else ""
    return {
        "root": wanted.root,
        "layers": msgspec.to_builtins(wanted.layers),
        "parcels": {parcel.path: parcel.size for parcel in wanted.parcels},
        "crate": "",
        "python": [] if wanted.here else list(wanted.python),
        "names": names if captured.wish.requires else [],
        "minor": captured.python,
        "base": base,
        "index": captured.index.url,
        "uv": {
            "version": captured.uv_version,
            "path": captured.uv_path if here else "",
            "wheel": uv_wheel,
            "index": captured.index.url,
        },
        "micromamba": {"version": MICROMAMBA, "url": URL, "sha256": captured.wish.micromamba_sha256},
    }


def _minor(captured: Captured) -> str:
    return ".".join(captured.ours["python"].split(".")[:2])


def _pack(home: Path, parcels: Sequence[Parcel]) -> Path:
    """A crate of parcels, as one file travels whole or not at all."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, crate = tempfile.mkstemp(dir=home, prefix=".crate-")
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        for parcel in parcels:
            archive.add(home / parcel.path, parcel.path, recursive=False)
    return Path(crate)
