"""Kept connections to the agents of a cluster: one per node and process of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from cloudclusters.base.gather import gather
from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import NodeUnreachable, ProviderError, WaitTimeout
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.entering import enter_anew, keep_key, open_ports
from cloudclusters.lifecycle.machines import unless_lost
from cloudclusters.provider.protocol import CanAdmit, CanConsole
from cloudclusters.remote.ssh import FINAL, LoginRefused, NoAnswer
from cloudclusters.store.record import ClusterRecord, NodeRecord

ANSWER = 120.0
"""Seconds that a running machine's agent may take to answer for the first time, where no `boot_timeout` says else."""
ATTEMPT = 10.0
"""Seconds for one attempt to connect."""
QUICK = 10.0
"""Seconds for an answer that costs an agent nothing; one that hangs is told apart from one that works."""
SETTLING = 20.0
"""Seconds in which a machine that boots may refuse us and take us after all: sshd can be up before its keys are."""
UNHEARD = 8.0
"""Seconds without any answer after which we ask whether the firewall still knows our address."""
ONCE_MORE = 0.001
"""Patience for one attempt after the firewall was told our address."""
CONSOLE_LINES = 15


async def open_all(ctx: Context, record: ClusterRecord, *, patience: float = ANSWER) -> dict[str, Link]:
    """Connect to every node of the cluster at once, by node name; kept connections are used again.

    Raises `NodeUnreachable`, or a group of them; `NodeError` as soon as the provider says that a machine is lost.
    """
    if not patience:
        found = await gather(open_one(ctx, record, node, patience=0) for node in record.nodes)
        return dict(zip((node.name for node in record.nodes), found, strict=True))
    opening = gather(open_one(ctx, record, node, patience=patience) for node in record.nodes)
    found = await unless_lost(ctx, record, opening, patience=patience)
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
    ctx.tell(record.handle, "connecting", node=node.name)
    trial = _Trial(ctx, record, node, patience=_patience(record, patience), began=ctx.clock.monotonic())
    link = await trial.attempt()
    if link is None and trial.patience > 0:
        # Many nodes look less often each: to learn of a boot a little later costs less than a storm of connections.
        pace = Pace(first=0.01, most=min(1.0, max(0.15, len(record.nodes) / 64)))
        with contextlib.suppress(WaitTimeout):
            link = await wait_until(
                trial.attempt, lambda found: found is not None, clock=ctx.clock, timeout=trial.patience, pace=pace
            )
    if link is None:
        raise await trial.failure() from trial.last
    if record.adopted:
        await keep_key(ctx, record, node, link)
    first = ctx.links.setdefault((record.handle, node.name), link)
    if first is not link:  # somebody else connected meanwhile
        await link.close()
    return first


def _patience(record: ClusterRecord, patience: float) -> float:
    """As given; where a boot may be waited for, as long as the configuration says."""
    return float(record.plan.settings.get("boot_timeout") or patience) if patience == ANSWER else patience


@dataclass(slots=True)
class _Trial:
    """The attempts to connect to one node."""

    ctx: Context
    record: ClusterRecord
    node: NodeRecord
    patience: float
    began: float
    last: NodeUnreachable | None = None
    refused: float | None = None
    """When the machine first said something that waiting does not mend once it has booted."""

    async def attempt(self) -> Link | None:
        """Try once; raises what waiting does not mend."""
        try:
            return await self.ctx.reach.connect(self.record, self.node, timeout=ATTEMPT)
        except NodeUnreachable as exc:
            self.last = exc
        now = self.ctx.clock.monotonic()
        if isinstance(self.last, LoginRefused) and self.refused is None:
            await enter_anew(self.ctx, self.record, self.node)
            if self.record.adopted:  # one more attempt, with the key that is let in for a minute
                self.patience = self.patience or ONCE_MORE
        if isinstance(self.last, FINAL):
            self.refused = now if self.refused is None else self.refused
            if not (self.patience or self.record.adopted) or now - self.refused > min(SETTLING, self.patience / 3):
                raise self.last if not self.record.adopted else _locked_out(self.record, self.node, self.last)
        elif isinstance(self.last, NoAnswer) and (not self.patience or now - self.began > UNHEARD):
            asked = await admitted(self.ctx, self.record)
            self.patience = self.patience or (ONCE_MORE if asked else 0.0)
        return None

    async def failure(self) -> NodeUnreachable:
        """What to raise at the end: what was tried last, and what the machine printed while it booted."""
        said = f": {self.last.message}" if self.last is not None else ""
        text = f"{self.node.name} of {self.record.handle} does not answer{said}"
        if self.patience > ONCE_MORE:
            text += await _console(self.ctx, self.record, self.node)
        return NodeUnreachable(text, hint=f"`cloudclusters status {self.record.handle} --refresh` shows what runs")


def _locked_out(record: ClusterRecord, node: NodeRecord, last: NodeUnreachable) -> NodeUnreachable:
    """For a cluster of another machine: its key is there, and the provider's own way in was not open either."""
    if not isinstance(last, LoginRefused):
        return last
    return LoginRefused(
        f"{node.name} of {record.handle} does not let us in: the cluster's key is on the machine that made it "
        f"({record.holding.owner}), and its image takes no key from {record.holding.provider}",
        hint=f"reconnect from there; `cloudclusters terminate {record.handle}` works from here as well",
    )


async def admitted(ctx: Context, record: ClusterRecord) -> bool:
    """Have the firewall let our present address in, at most once in a while; whether it was told."""
    now = ctx.clock.monotonic()
    when, asking = ctx.admitted.get(record.handle, (None, None))
    if when is None or asking is None or now - when > 2 * UNHEARD:
        asking = asyncio.create_task(_admit(ctx, record))
        ctx.admitted[record.handle] = now, asking
    return await asyncio.shield(asking)


async def _admit(ctx: Context, record: ClusterRecord) -> bool:
    provider = ctx.provider(record.holding.provider)
    if not isinstance(provider, CanAdmit):
        return False
    try:
        await ctx.door(provider.admit, record.holding, open_ports(record))
    except ProviderError as exc:
        ctx.tell(record.handle, "waiting", exc.message)
        return False
    return True


async def _console(ctx: Context, record: ClusterRecord, node: NodeRecord) -> str:
    provider = ctx.provider(record.holding.provider)
    if not isinstance(provider, CanConsole) or node.instance is None:
        return ""
    try:
        lines = (await ctx.door(provider.console, record.holding, node.instance.id)).splitlines()
    except ProviderError as exc:
        return f"\nits console output cannot be had: {exc.message}"
    if not lines:
        return "\nits console shows nothing (yet)"
    return f"\nthe end of its console ({node.instance.id}):\n" + "\n".join(lines[-CONSOLE_LINES:])


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
    """Let go of one kept link; the connection under it stays for the next one."""
    link = ctx.links.pop((cluster, node), None)
    if link is not None:
        await link.close()


async def close_all(ctx: Context, cluster: str) -> None:
    """Let go of all kept links of a cluster, and of the connections under them."""
    for handle, node in [key for key in ctx.links if key[0] == cluster]:
        await close_one(ctx, handle, node)
    await ctx.reach.leave(cluster)
