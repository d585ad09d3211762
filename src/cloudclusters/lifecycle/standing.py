"""How the nodes of a cluster stand: well, lost, hung or cut off, by who hears them and what their provider says."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from cloudclusters.base.cloud import InstanceState
from cloudclusters.base.gather import gather
from cloudclusters.errors import NodeError, NodeUnreachable, ProviderError
from cloudclusters.lifecycle.by_itself import went_by_itself
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import strike_of
from cloudclusters.lifecycle.entering import run_to_end
from cloudclusters.lifecycle.links import ask, close_one
from cloudclusters.lifecycle.machines import look, lost
from cloudclusters.store.record import ClusterRecord, NodeRecord

ANSWER = 3.0
"""Seconds in which an agent that is well says hello over a connection that is there."""
AFRESH = 4.0
"""Seconds for a new connection to it, and for the machine to take one."""
NEIGHBOUR = 6.0
"""Seconds in which a neighbour says whether it reaches a machine."""
UNHEARD = 20.0
"""Seconds since a member's last word to the head, after which the way between them is lost: it speaks every five."""
_PROBE = """import socket, sys
try:
    socket.create_connection((sys.argv[1], 22), 3).close()
except ConnectionRefusedError:
    pass
except OSError:
    sys.exit(1)
"""


class Standing(enum.StrEnum):
    """How a node stands; the word is the phase of the event that tells it."""

    WELL = "well"
    """Its agent answers."""
    LOST = "lost"
    """Its machine is gone, says the provider; or it runs, and neither we nor its neighbours hear it."""
    HUNG = "hung"
    """Its machine takes connections, its agent does not answer."""
    CUT_OFF = "cut off"
    """We do not reach it, and its neighbours do, or the other way round; or we reach nothing of the cluster, perhaps
    for want of network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one node stands, and why; `gone`: its provider says that there is no machine any more."""

    node: str
    standing: Standing
    text: str = ""
    gone: bool = False
    by_itself: bool = False
    """It powered itself off, as at a limit."""


class _Member(msgspec.Struct, frozen=True):
    """What the head's agent says of another node: how many seconds ago it heard it."""

    heard: float


@dataclass(frozen=True, slots=True)
class _Heard:
    agent: bool
    machine: bool


async def verdicts(ctx: Context, record: ClusterRecord, nodes: Sequence[NodeRecord]) -> list[Verdict]:
    """How these nodes stand, in order; takes seconds when one is silent. Raises nothing that time may mend."""
    heard = await gather(_heard(ctx, record, node) for node in nodes)
    apart = await _apart(ctx, record)
    if all(each.agent for each in heard):
        return [_of_answering(record, node, apart) for node in nodes]
    try:
        seen = await look(ctx, record, heeds=False)
    except ProviderError:
        seen = record
    let_go = went_by_itself(record, seen) or _struck(seen, ctx.clock.now())
    near = next((node for node, each in zip(nodes, heard, strict=True) if each.agent), None)
    anything = any(each.agent or each.machine for each in heard)

    async def judged(node: NodeRecord, said: _Heard) -> Verdict:
        if said.agent:
            return _of_answering(record, node, apart)
        return await _verdict(ctx, seen, node, said, near=near, anything=anything, let_go=let_go)

    return await gather(judged(node, each) for node, each in zip(nodes, heard, strict=True))


def _struck(record: ClusterRecord, now: float) -> str:
    """The limit of time or money that has struck, in a few words; empty when none has."""
    strike = strike_of(record, now)
    return strike.why if strike is not None and strike.at <= now else ""


def _of_answering(record: ClusterRecord, node: NodeRecord, apart: Collection[str]) -> Verdict:
    """How a node stands whose agent answers us."""
    if node.name not in apart:
        return Verdict(node=node.name, standing=Standing.WELL)
    text = f"it answers, and {record.nodes[0].name} has not heard it for {UNHEARD:g} s: its workers miss the scheduler"
    return Verdict(node=node.name, standing=Standing.CUT_OFF, text=text)


async def _apart(ctx: Context, record: ClusterRecord) -> Collection[str]:
    """The nodes that the head does not hear any more, as its agent says; nobody when it cannot be asked."""
    link = ctx.links.get((record.handle, record.nodes[0].name))
    if link is None or len(record.nodes) == 1:
        return ()
    try:
        members = msgspec.convert((await ask(link, "limits", within=ANSWER)).get("members"), dict[str, _Member])
    except (NodeError, msgspec.ValidationError):
        return ()
    return {name for name, member in members.items() if member.heard > UNHEARD}


async def _verdict(
    ctx: Context,
    seen: ClusterRecord,
    node: NodeRecord,
    heard: _Heard,
    *,
    near: NodeRecord | None,
    anything: bool,
    let_go: str,
) -> Verdict:
    def says(standing: Standing, text: str = "", *, gone: bool = False, by_itself: bool = False) -> Verdict:
        return Verdict(node=node.name, standing=standing, text=text, gone=gone, by_itself=by_itself)

    now = next(each for each in seen.nodes if each.name == node.name)
    state = now.instance.state if now.instance is not None else InstanceState.GONE
    if state is not InstanceState.RUNNING:
        reason = now.instance.reason if now.instance is not None else ""
        # What let go of itself at a limit is not to be replaced: it is told, and the next command looks into it.
        by_itself = bool(let_go) or (now.instance is not None and now.instance.powered_off)
        gone = not by_itself and any(each.name == node.name for each in lost(seen))
        told = f"it let go of itself: {let_go}" if let_go else reason
        text = f"its machine is {state}" + (f": {told}" if told else "")
        return says(Standing.LOST, text, gone=gone, by_itself=by_itself)
    if heard.machine:
        return says(Standing.HUNG, "its machine takes connections, its agent does not answer")
    if not anything:
        return says(Standing.CUT_OFF, "nothing of the cluster answers: perhaps it is the network here")
    if near is not None and await _is_heard_by(ctx, seen, near, node):
        return says(Standing.CUT_OFF, f"{near.name} reaches it, and we do not")
    return says(Standing.LOST, "its machine runs, says the provider, but neither we nor its neighbours reach it")


async def _heard(ctx: Context, record: ClusterRecord, node: NodeRecord) -> _Heard:
    """Whether the agent answers, over the kept connection or a new one, and else whether its machine does."""
    kept = ctx.links.get((record.handle, node.name))
    if kept is not None:
        try:
            await ask(kept, "hello", within=ANSWER)
        except NodeUnreachable as exc:
            if not isinstance(exc.__cause__, TimeoutError):
                await close_one(ctx, record.handle, node.name)
        else:
            return _Heard(agent=True, machine=True)
    if node.instance is None or node.instance.endpoint is None:
        return _Heard(agent=False, machine=False)
    agent, machine = await gather((_connects(ctx, record, node), _knocks(ctx, record, node)))
    return _Heard(agent, machine)


async def _connects(ctx: Context, record: ClusterRecord, node: NodeRecord) -> bool:
    try:
        link = await ctx.reach.connect(record, node, timeout=AFRESH)
    except NodeError:
        return False
    if ctx.links.setdefault((record.handle, node.name), link) is not link:
        await link.close()
    return True


async def _knocks(ctx: Context, record: ClusterRecord, node: NodeRecord) -> bool:
    return await ctx.reach.knock(record, node, timeout=AFRESH)


async def _is_heard_by(ctx: Context, record: ClusterRecord, near: NodeRecord, node: NodeRecord) -> bool:
    """Whether a neighbour reaches a node's machine at its inner address."""
    link = ctx.links.get((record.handle, near.name))
    if link is None or node.instance is None:
        return False
    try:
        async with asyncio.timeout(NEIGHBOUR):
            python = str((await ask(link, "hello", within=ANSWER))["executable"])
            code, _ = await run_to_end(link, (python, "-c", _PROBE, node.instance.inner_address))
    except (NodeError, TimeoutError):
        return False
    return code == 0
