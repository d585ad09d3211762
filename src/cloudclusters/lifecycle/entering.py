"""What the machines of a cloud need before and after they are first entered: a first-boot text, and keys."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.first_boot import first_boot_text, read_script
from cloudclusters.lifecycle.reaching import access
from cloudclusters.lifecycle.words import host_key_words
from cloudclusters.provider.protocol import CanEnter, CanMark
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
        return first_boot_text(public, keys.first_key(ctx.home, record.handle, token), read_script(record.plan))

    return await ctx.door(make)


async def run_to_end(link: Link, argv: Collection[str]) -> tuple[int, str]:
    output: list[str] = []
    code = 0
    async with contextlib.aclosing(link.stream("run", argv=list(argv))) as events:
        async for event in events:
            if "text" in event:
                output.append(str(event["text"]))
            else:
                code = int(str(event["code"]))
    return code, "".join(output)


async def settle_keys(ctx: Context, record: ClusterRecord) -> None:
    """Once every machine was entered: trust their one-time host keys no more, and write the file for plain `ssh`.

    The fingerprints of their final host keys are kept with the machines, for who takes the cluster up from elsewhere.
    """

    provider = ctx.provider(record.holding.provider)

    def settle() -> None:
        keys.forget_first(ctx.home, record.handle, {node.token for node in record.nodes})
        write_config(ctx, record)
        known = KnownHosts(keys.folder(ctx.home, record.handle) / keys.KNOWN_HOSTS)
        pinned = {node.name: known.of(f"{record.handle}-{node.name}") for node in record.nodes}
        fingerprints = host_key_words({name: lines[0] for name, lines in pinned.items() if lines})
        if isinstance(provider, CanMark) and any(fingerprints.items() - _words(record).items()):
            provider.mark(record.holding, fingerprints)

    if provider.traits.ssh:
        await ctx.door(settle)


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


def write_config(ctx: Context, record: ClusterRecord) -> None:
    """Write the cluster's file for plain `ssh` and `scp`, with the addresses of now. Blocks."""
    known = [(node.name, node.instance.endpoint) for node in record.nodes if node.instance is not None]
    endpoints = {name: endpoint for name, endpoint in known if isinstance(endpoint, SshEndpoint)}
    if endpoints:
        path = keys.folder(ctx.home, record.handle) / keys.SSH_CONFIG
        write_ssh_config(path, record.handle, endpoints, access(ctx.home, record))
