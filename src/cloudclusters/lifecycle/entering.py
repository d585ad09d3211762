"""What the machines of a cloud need before and after they are first entered: a first-boot text, and keys."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.engine.protocol import Forward
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.deadline import deadline_of
from cloudclusters.lifecycle.first_boot import Letting, first_boot_text, read_script
from cloudclusters.lifecycle.keepalive import claim
from cloudclusters.lifecycle.reaching import FOLDER, access
from cloudclusters.lifecycle.words import host_key_words
from cloudclusters.provider.protocol import CanAdmit, CanEnter
from cloudclusters.remote.ssh import KnownHosts
from cloudclusters.remote.ssh.config import write_ssh_config
from cloudclusters.store.record import ClusterRecord, NodeRecord

_KEEP = (
    "mkdir -p ~/.ssh && touch ~/.ssh/authorized_keys && chmod 600 ~/.ssh/authorized_keys && "
    '{ grep -qxF "$1" ~/.ssh/authorized_keys || printf "%s\\n" "$1" >>~/.ssh/authorized_keys; }'
)


async def user_data(ctx: Context, record: ClusterRecord, token: str) -> str:
    """The first-boot text of a launch; the same again for the same token. Empty where nobody would read it."""
    if not ctx.provider(record.holding.provider).traits.ssh:
        return ""

    def make() -> str:
        public = keys.client_key(ctx.home, record.handle)
        first = keys.first_key(ctx.home, record.handle, token)
        return first_boot_text(public, first, _letting(record), read_script(record.plan))

    return await ctx.door(make)


def _letting(record: ClusterRecord) -> Letting:
    """The limits as they stood when the record's state changed last, so that a repeated launch says the same."""
    deadline = deadline_of(record, record.history[-1].at)
    return Letting(f"{FOLDER}/{record.handle}", record.limits.idle_timeout, deadline)


async def run_to_end(link: Link, argv: Collection[str]) -> tuple[int, str]:
    """Run a command of ours on a node to its end: its exit code, and what it wrote. Raises `NodeError`.

    It does not count as use of the cluster.
    """
    output: list[str] = []
    code = 0
    async with contextlib.aclosing(link.stream("run", argv=list(argv), use=False)) as events:
        async for event in events:
            if "text" in event:
                output.append(str(event["text"]))
            else:
                code = int(str(event["code"]))
    return code, "".join(output)


async def settle(ctx: Context, record: ClusterRecord) -> None:
    """Once everything runs: trust one-time host keys no more, write the file for plain `ssh`, open what is untunneled.

    The machines are claimed, and the fingerprints of the final host keys are kept with them, for who takes the cluster
    up from elsewhere.
    """
    provider = await ctx.opened(record.holding.provider)
    if provider.traits.shared:
        return
    fingerprints = await ctx.door(_settle_keys, ctx, record) if provider.traits.ssh else {}
    if provider.traits.ssh and not fingerprints:
        text = f"the host keys of {len(record.nodes)} nodes do not fit: no other machine can take the cluster up"
        ctx.tell(record.handle, "not marked", text)
    await claim(ctx, record, dict(fingerprints.items() - _words(record).items()))
    ports = open_ports(record)
    if ports and isinstance(provider, CanAdmit):
        await ctx.door(provider.admit, record.holding, ports)


def _settle_keys(ctx: Context, record: ClusterRecord) -> dict[str, str]:
    """Forget one-time keys and write the file; the words that hold the fingerprints of the pinned keys."""
    keys.forget_first(ctx.home, record.handle, {node.token for node in record.nodes})
    write_config(ctx, record)
    known = KnownHosts(keys.folder(ctx.home, record.handle) / keys.KNOWN_HOSTS)
    pinned = {node.name: known.of(f"{record.handle}-{node.name}") for node in record.nodes}
    return host_key_words({name: lines[0] for name, lines in pinned.items() if lines})


def is_direct(record: ClusterRecord, forward: Forward) -> bool:
    """Whether the driver reaches this without SSH."""
    return forward.guarded and str(record.plan.settings.get("tunneled", "true")).lower() == "false"


def open_ports(record: ClusterRecord) -> list[int]:
    """The ports that the firewall must open to the caller beside that of SSH."""
    return sorted({forward.port for forward in record.layout.forwards if is_direct(record, forward)})


def reached_at(record: ClusterRecord, forward: Forward) -> str:
    """Where the driver reaches it without SSH, as `host:port`; empty where it goes through SSH."""
    found = next(node.instance for node in record.nodes if node.name == forward.node)
    endpoint = found.endpoint if found is not None else None
    if not is_direct(record, forward) or not isinstance(endpoint, SshEndpoint):
        return ""
    return f"{endpoint.host}:{forward.port}"


def _words(record: ClusterRecord) -> dict[str, str]:
    first = record.nodes[0].instance
    return first.words if first is not None else {}


async def enter_anew(ctx: Context, record: ClusterRecord, node: NodeRecord) -> None:
    """Have the provider let our key in for a minute, where the cluster was taken up and the node may not know it."""
    provider = await ctx.opened(record.holding.provider)
    if not (record.adopted and isinstance(provider, CanEnter) and node.instance is not None):
        return
    endpoint = node.instance.endpoint
    if isinstance(endpoint, SshEndpoint):
        public = await ctx.door(keys.client_key, ctx.home, record.handle)
        ctx.tell(record.handle, "entering", node=node.name)
        await ctx.door(provider.enter, record.holding, node.instance.id, endpoint.user, public)


async def keep_key(ctx: Context, record: ClusterRecord, node: NodeRecord, link: Link) -> None:
    """Let the node know our key for good; may be repeated. Raises `NodeError`."""
    public = await ctx.door(keys.client_key, ctx.home, record.handle)
    code, said = await run_to_end(link, ("sh", "-c", _KEEP, "keep", public))
    if code != 0:
        raise NodeError(f"{node.name} does not take our key: {said.strip()}")


def write_config(ctx: Context, record: ClusterRecord) -> Path | None:
    """Write the cluster's file for plain `ssh` and `scp`, with the addresses of now. Blocks.

    Returns its path, or None where no node is reached by SSH.
    """
    known = [(node.name, node.instance.endpoint) for node in record.nodes if node.instance is not None]
    endpoints = {name: endpoint for name, endpoint in known if isinstance(endpoint, SshEndpoint)}
    if not endpoints:
        return None
    path = keys.folder(ctx.home, record.handle) / keys.SSH_CONFIG
    write_ssh_config(path, record.handle, endpoints, access(ctx.home, record), name=record.name)
    return path
