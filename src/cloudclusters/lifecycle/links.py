"""Kept connections to the agents of a cluster: one per node and process of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from cloudclusters.base.gather import gather
from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import NodeUnreachable, WaitTimeout
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.store.record import ClusterRecord, NodeRecord

ANSWER = 120.0
"""Seconds that a running machine's agent may take to answer for the first time."""
ATTEMPT = 10.0
"""Seconds for one attempt to connect."""
QUICK = 10.0
"""Seconds for an answer that costs an agent nothing; one that hangs is told apart from one that works."""
_PACE = Pace(first=0.01, most=1.0)


async def open_all(ctx: Context, record: ClusterRecord, *, patience: float = ANSWER) -> dict[str, Link]:
    """Connect to every node of the cluster at once, by node name; kept connections are used again.

    Raises `NodeUnreachable`, or a group of them.
    """
    found = await gather(open_one(ctx, record, node, patience=patience) for node in record.nodes)
    return dict(zip((node.name for node in record.nodes), found, strict=True))


async def open_one(ctx: Context, record: ClusterRecord, node: NodeRecord, *, patience: float = ANSWER) -> Link:
    """Connect to one node, or use the kept connection when it still answers.

    Tries for `patience` seconds; 0 is a single attempt. Raises `NodeUnreachable`.
    """
    kept = await _kept(ctx, record.handle, node.name)
    if kept is not None:
        return kept
    if node.instance is None or node.instance.endpoint is None:
        raise NodeUnreachable(f"{node.name} of {record.handle} has no machine to connect to")
    endpoint = node.instance.endpoint
    ctx.tell(record.handle, "connecting", node=node.name)
    last: NodeUnreachable | None = None

    async def attempt() -> Link | None:
        nonlocal last
        try:
            return await ctx.connect(endpoint, timeout=ATTEMPT)
        except NodeUnreachable as exc:
            last = exc
            return None

    link = await attempt()
    if link is None and patience > 0:
        with contextlib.suppress(WaitTimeout):
            link = await wait_until(
                attempt, lambda found: found is not None, clock=ctx.clock, timeout=patience, pace=_PACE
            )
    if link is None:
        raise NodeUnreachable(
            f"{node.name} of {record.handle} does not answer",
            hint=f"`cloudclusters status {record.handle} --refresh` shows what runs",
        ) from last
    first = ctx.links.setdefault((record.handle, node.name), link)
    if first is not link:  # somebody else connected meanwhile
        await link.close()
    return first


async def _kept(ctx: Context, cluster: str, node: str) -> Link | None:
    link = ctx.links.get((cluster, node))
    if link is None:
        return None
    try:
        await ask(link, "hello")
    except NodeUnreachable:
        if ctx.links.get((cluster, node)) is link:
            await close_one(ctx, cluster, node)
        return None
    return link


async def ask(link: Link, do: str, /, *, within: float = QUICK, **arguments: object) -> Mapping[str, object]:
    """One request whose answer must come soon; an agent that hangs is as good as none. Raises `NodeError`."""
    try:
        async with asyncio.timeout(within):
            return await link.call(do, **arguments)
    except TimeoutError as exc:
        raise NodeUnreachable(f"an agent did not answer `{do}` within {within:g} s") from exc


async def close_one(ctx: Context, cluster: str, node: str) -> None:
    """Let go of one kept connection."""
    link = ctx.links.pop((cluster, node), None)
    if link is not None:
        await link.close()


async def close_all(ctx: Context, cluster: str) -> None:
    """Let go of all kept connections of a cluster."""
    for handle, node in [key for key in ctx.links if key[0] == cluster]:
        await close_one(ctx, handle, node)
