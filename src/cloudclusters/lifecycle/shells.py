"""ssh: a shell on a node for people, and the configuration by which plain `ssh` and `scp` find the nodes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloudclusters.base.cloud import SocketEndpoint, SshEndpoint
from cloudclusters.errors import MissingExtra, NodeUnreachable, NotSupported
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import write_config
from cloudclusters.lifecycle.execute import chosen, rank_variables
from cloudclusters.lifecycle.links import admitted, ask, open_one
from cloudclusters.lifecycle.machines import look
from cloudclusters.lifecycle.reaching import access, working_directory
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.remote.ssh import Opener
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

KNOCK = 3.0
"""Seconds that a machine may take to answer at its port before we look closer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The program that takes our place: its words, the variables beside ours, and where it starts."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""


async def shell(
    ctx: Context, cluster: str, node: str = "", command: Sequence[str] = (), *, terminal: bool = True
) -> Shell:
    """The program that is a shell on a node (the first one, when none is named), or runs a command line there.

    A machine that does not answer at its port is looked at first: its address of now, and whether the firewall lets
    ours in. Raises `IllegalState`, `MissingExtra` where `ssh` is not installed, `NodeUnreachable`, `UnknownName`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, "ssh")
    where = _node(record, node)
    match where.instance.endpoint if where.instance is not None else None:
        case SocketEndpoint():
            return await _here(ctx, record, where, command)
        case SshEndpoint() as endpoint:
            if shutil.which("ssh") is None:
                raise MissingExtra(
                    "the program `ssh` is not installed on this machine",
                    hint="install OpenSSH's client (`apt install openssh-client`, `dnf install openssh-clients`), "
                    f"or use `cloudclusters exec {cluster}/{where.name} -- COMMAND`",
                )
            if not await _answers(ctx, record, endpoint):
                record = await _looked_at(ctx, record, where.name)
            config = await ctx.door(write_config, ctx, record)
            assert config is not None
            terminals = ("-t",) if terminal and command else ()
            return Shell(argv=("ssh", "-F", str(config), *terminals, f"{record.handle}-{where.name}", *command))
        case None:
            raise NodeUnreachable(f"{where.name} of {record.handle} has no machine to connect to")


async def ssh_config(ctx: Context, cluster: str) -> Path:
    """Write the cluster's configuration for plain `ssh`, with the addresses of now, and return its path.

    Raises `IllegalState`, and `NotSupported` for nodes that are not reached by SSH.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, "ssh")
    path = await ctx.door(write_config, ctx, record)
    if path is None:
        raise NotSupported(
            f"the nodes of {record.handle} are on this machine and not reached by SSH",
            hint=f"`cloudclusters ssh {cluster}` opens a shell there",
        )
    return path


def write_all_configs(ctx: Context) -> Path:
    """Write the configurations of all clusters that run, and return the pattern of their paths. Blocks."""
    for record in ctx.store.records(unread=[]):
        if record.state in (ClusterState.RUNNING, ClusterState.BROKEN):
            write_config(ctx, record)
    return keys.folder(ctx.home, "*") / keys.SSH_CONFIG


def _node(record: ClusterRecord, name: str) -> NodeRecord:
    return chosen(record, [name] if name else []).nodes[0]


async def _here(ctx: Context, record: ClusterRecord, node: NodeRecord, command: Sequence[str]) -> Shell:
    """A shell on this machine where the node's commands start, with their variables."""
    link = await open_one(ctx, record, node, patience=0)
    own = str((await ask(link, "hello"))["directory"])
    directory = await ctx.door(_made, own, working_directory(record, node))
    program = os.environ.get("SHELL") or "/bin/sh"
    words = ("-c", " ".join(command)) if command else ()
    return Shell(argv=(program, *words), env=rank_variables(record, node.name), cwd=str(directory))


def _made(own: str, below: str) -> Path:
    directory = Path(own, Path(below).expanduser())
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def _answers(ctx: Context, record: ClusterRecord, endpoint: SshEndpoint) -> bool:
    """Whether somebody takes connections there; one that is reached through another node is not asked."""
    if endpoint.jump:
        return True
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(KNOCK):
            port = Opener(access(ctx.home, record)).port(endpoint)
            _, writer = await asyncio.open_connection(endpoint.host, port)
            writer.close()
            return True
    return False


async def _looked_at(ctx: Context, record: ClusterRecord, node: str) -> ClusterRecord:
    """The record with the addresses of now, and a node that answers; raises `NodeUnreachable`, `ProviderError`."""
    record = await look(ctx, record)
    await admitted(ctx, record)
    found = _node(record, node).instance
    endpoint = found.endpoint if found is not None else None
    if not (isinstance(endpoint, SshEndpoint) and await _answers(ctx, record, endpoint)):
        await open_one(ctx, record, _node(record, node), patience=0)  # says what is wrong
    return record
