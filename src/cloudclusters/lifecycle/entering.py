"""What the machines of a cloud need before and after they are first entered: keys, and the end of their first boot."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.base.gather import gather
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.first_boot import first_boot_text, read_script
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.reaching import access
from cloudclusters.remote.ssh.config import write_ssh_config
from cloudclusters.store.record import ClusterRecord, NodeRecord

FIRST_BOOT = 1800.0
"""Seconds that a user's own script may take at the first boot."""
LOG_LINES = 25
_WAIT = ("cloud-init", "status", "--wait")
_LOG = ("sh", "-c", "cat /var/log/cloud-init-output.log 2>/dev/null || sudo -n cat /var/log/cloud-init-output.log")


async def user_data(ctx: Context, record: ClusterRecord, token: str) -> str:
    """The first-boot text of a launch; the same again for the same token. Empty where nobody would read it."""
    if not ctx.provider(record.holding.provider).traits.ssh:
        return ""

    def make() -> str:
        public = keys.client_key(ctx.home, record.handle)
        return first_boot_text(public, keys.first_key(ctx.home, record.handle, token), read_script(record.plan))

    return await ctx.door(make)


async def first_boot_done(ctx: Context, record: ClusterRecord, nodes: Collection[NodeRecord]) -> None:
    """Wait for the end of the user's own first-boot script on these nodes; raises `NodeError` with its log."""
    if record.plan.settings.get("first_boot"):
        await gather(_first_boot_done(ctx, record, node) for node in nodes)


async def _first_boot_done(ctx: Context, record: ClusterRecord, node: NodeRecord) -> None:
    link = await open_one(ctx, record, node)
    ctx.tell(record.handle, "first boot", node=node.name)
    code, said = await _run(link, _WAIT)
    if code != 0:
        _, log = await _run(link, _LOG)
        tail = "\n".join(log.splitlines()[-LOG_LINES:])
        raise NodeError(
            f"the first-boot script failed on {node.name} ({said.strip() or code}); the end of its log:\n{tail}",
            hint=f"mend {record.plan.settings['first_boot']} and deploy again; `keep` leaves the machines to look at",
        )


async def _run(link: Link, argv: Collection[str]) -> tuple[int, str]:
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
    """Once every machine was entered: trust their one-time host keys no more, and write the file for plain `ssh`."""

    def settle() -> None:
        keys.forget_first(ctx.home, record.handle, {node.token for node in record.nodes})
        write_config(ctx, record)

    if ctx.provider(record.holding.provider).traits.ssh:
        await ctx.door(settle)


def write_config(ctx: Context, record: ClusterRecord) -> None:
    """Write the cluster's file for plain `ssh` and `scp`, with the addresses of now. Blocks."""
    known = [(node.name, node.instance.endpoint) for node in record.nodes if node.instance is not None]
    endpoints = {name: endpoint for name, endpoint in known if isinstance(endpoint, SshEndpoint)}
    if endpoints:
        path = keys.folder(ctx.home, record.handle) / keys.SSH_CONFIG
        write_ssh_config(path, record.handle, endpoints, access(ctx.home, record))
