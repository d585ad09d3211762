"""Telling a cluster's agents by which limits they let go, and how they talk among themselves about use."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from cloudclusters.base.gather import gather
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.deadline import deadline_of
from cloudclusters.lifecycle.links import ask, open_all
from cloudclusters.store.record import ClusterRecord, NodeRecord

SECRET = "message.key"
"""Where a node keeps the cluster's message key, below its agent's directory."""


async def limit(ctx: Context, record: ClusterRecord, *, had: bool = False) -> None:
    """Tell every agent the limits of the cluster; may be repeated. Raises `NodeError`, or several.

    Without any there is no need on this machine, unless the nodes may have `had` some; elsewhere the head also learns
    by it whom it no longer hears.
    """
    limited = had or record.limits.idle_timeout is not None or deadline_of(record, ctx.clock.now()) is not None
    if limited or not ctx.provider(record.holding.provider).traits.shared:
        await send_limits(ctx, record, await open_all(ctx, record))


async def send_limits(ctx: Context, record: ClusterRecord, links: Mapping[str, Link]) -> None:
    """Tell these agents, by node, the limits as they stand now; the head's must be among them. May be repeated.

    From then on the nodes let go of themselves without us. Raises `NodeError`, or a group of them.
    """
    secret = await ctx.door(keys.message_key, ctx.home, record.handle)
    head = record.nodes[0]
    said = await _send(ctx, record, head, links[head.name], secret, None)
    port = said.get("port")
    others = [node for node in record.nodes[1:] if node.name in links]
    await gather(_send(ctx, record, node, links[node.name], secret, port) for node in others)


async def _send(
    ctx: Context, record: ClusterRecord, node: NodeRecord, link: Link, secret: bytes, port: object
) -> Mapping[str, object]:
    head = record.nodes[0]
    limits: dict[str, object] = {
        "idle_timeout": record.limits.idle_timeout,
        "deadline": deadline_of(record, ctx.clock.now()),
        "at_limit": record.limits.at_limit.value,
        "head": {"address": head.instance.inner_address if head.instance else "", "port": port, "node": head.name},
        "node": node.name,
        "secret": SECRET,
    }
    file = {"path": SECRET, "mode": 0o600, "base64": base64.b64encode(secret).decode()}
    await ask(link, "write", files=[file])
    return await ask(link, "limits", limits=limits)
