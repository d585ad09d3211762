"""Looking after the nodes of a cluster while a program computes: notices are heard, what dies is told and acted on.

One task per cluster on the core loop, with one kept connection and one stream per node. It tells `notice`, `lost`,
`hung`, `cut off` and `back`, and does what the setting `on_lost` says, under the lease as any verb.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from cloudclusters.base.notice import INTERRUPTION, REBALANCE, Notice
from cloudclusters.errors import CloudClustersError, LeaseHeld, LeaseLost, NodeError, UnknownHandle
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.notices import retires_early
from cloudclusters.lifecycle.replacing import drop, provide, replace
from cloudclusters.lifecycle.standing import Standing, Verdict, verdicts
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

EVERY = 2.0
"""Seconds between looks."""
AGAIN = 60.0
"""Seconds until what failed is tried again."""
DROP, REPLACE, KEEP = "drop", "replace", "keep"
DEAD = (Standing.LOST, Standing.HUNG)
WATCHED = frozenset({ClusterState.RUNNING, ClusterState.SCALING, ClusterState.BROKEN})


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says of a notice."""

    kind: str
    action: str = ""
    at: float = 0.0


class Watch:
    """The watch over one cluster.

    `noticed` is told each notice once, and none of those that are `known`, by machine, which is kept up; `taken_out`
    the name of a node whose workers do not come back as they were, so that nobody waits for them any more. Both are
    called on the core loop and must not block.
    """

    def __init__(
        self,
        ctx: Context,
        cluster: str,
        *,
        noticed: Callable[[Notice], None],
        taken_out: Callable[[str], None],
        known: dict[str, Notice] | None = None,
    ) -> None:
        self._ctx, self._cluster = ctx, cluster
        self._noticed, self._taken_out = noticed, taken_out
        self._stands: dict[str, Verdict] = {}
        self._suspects: dict[str, Standing] = {}
        self._notices: dict[str, Notice] = {} if known is None else known
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._acting: asyncio.Task[None] | None = None
        self._not_before: dict[str, float] = {}
        self._waits = ""

    async def run(self) -> None:
        """Watch until the cluster is terminated or we are cancelled; what is under way then is cleaned up."""
        async with asyncio.TaskGroup() as group:
            while await self._round(group):
                await self._ctx.clock.sleep(EVERY)
            for stream in self._streams.values():
                stream.cancel()

    async def _round(self, group: asyncio.TaskGroup) -> bool:
        """One look; whether there is to be another. What fails for now does not end the watch."""
        try:
            record = await self._ctx.door(self._ctx.store.record, self._cluster)
            if record.state is ClusterState.TERMINATED:
                return False
            await self._look(group, record)
        except UnknownHandle:
            return False
        except CloudClustersError as exc:
            self._wait(exc)
        return True

    async def _look(self, group: asyncio.TaskGroup, record: ClusterRecord) -> None:
        nodes = [node for node in record.nodes if not node.unsettled and node.instance]
        if record.state in WATCHED and nodes:
            self._listen(group, record, nodes)
            found = await verdicts(self._ctx, record, nodes)
            for verdict in found:
                self._judge(record, verdict)
            self._forget(record)
            await self._note()
            self._pursue(group, record)

    def _wait(self, why: CloudClustersError) -> None:
        """Tell why a look has to wait, when it is for another reason than before."""
        if self._waits != why.message:
            self._waits = why.message
            self._ctx.tell(self._cluster, "waiting", why.message)

    # Hearing

    def _listen(self, group: asyncio.TaskGroup, record: ClusterRecord, nodes: Sequence[NodeRecord]) -> None:
        for node in nodes:
            stream = self._streams.get(node.name)
            if node.instance is None or node.instance.endpoint is None:
                continue  # somebody saw already that its machine is gone
            if (stream is None or stream.done()) and node.name not in self._stands:
                self._streams[node.name] = group.create_task(self._follow(record, node))

    async def _follow(self, record: ClusterRecord, node: NodeRecord) -> None:
        with contextlib.suppress(CloudClustersError):  # the next look says what became of it, and listens again
            link = await open_one(self._ctx, record, node, patience=0)
            async with contextlib.aclosing(link.stream("watch")) as events:
                async for event in events:
                    if "notice" in event:
                        self._hear(record, node, event["notice"])

    def _hear(self, record: ClusterRecord, node: NodeRecord, said: object) -> None:
        try:
            told = msgspec.convert(said, _Said)
        except msgspec.ValidationError as exc:
            raise NodeError(f"the notice of {node.name} is not understood: {exc}") from exc
        notice = Notice(cluster=self._cluster, node=node.name, kind=told.kind, action=told.action, at=told.at)
        if self._notices.get(_machine(node)) == notice:
            return
        self._notices[_machine(node)] = notice
        self._ctx.tell(self._cluster, "notice", f"the provider says: {self._meant(record, notice)}", node=node.name)
        self._noticed(notice)

    def _meant(self, record: ClusterRecord, notice: Notice) -> str:
        """What a notice says, and what that means for the node."""
        if notice.kind == INTERRUPTION:
            return f"its machine is taken back in {max(0.0, notice.at - self._ctx.clock.now()):.0f} s"
        if not retires_early(record) or _policy(record) == REPLACE:
            return "better leave its machine"
        return (
            "better leave its machine; its workers end, and it is still paid: "
            f"`cloudclusters replace {self._cluster}/{notice.node}`"
        )

    # Judging

    def _judge(self, record: ClusterRecord, verdict: Verdict) -> None:
        """Tell how a node stands when that has changed, and is so at two looks."""
        before = self._stands.get(verdict.node, Verdict(node=verdict.node, standing=Standing.WELL))
        suspected = self._suspects.pop(verdict.node, Standing.WELL)
        if (verdict.standing, verdict.gone) == (before.standing, before.gone):
            return
        if verdict.standing is Standing.WELL:
            del self._stands[verdict.node]
            self._ctx.tell(self._cluster, "back", "it answers again", node=verdict.node)
            return
        if suspected is Standing.WELL:
            self._suspects[verdict.node] = verdict.standing
            return
        self._stands[verdict.node] = verdict
        self._ctx.tell(self._cluster, verdict.standing.value, self._told(record, verdict), node=verdict.node)
        keeps = _policy(record) == KEEP or verdict.node == record.nodes[0].name  # there nobody could be told any more
        if verdict.standing in DEAD and not keeps and not verdict.by_itself:
            self._taken_out(verdict.node)

    def _told(self, record: ClusterRecord, verdict: Verdict) -> str:
        if verdict.standing is Standing.CUT_OFF or verdict.by_itself:
            return verdict.text
        if verdict.node == record.nodes[0].name:
            return (
                f"{verdict.text}; the scheduler was on it: `cloudclusters restart {self._cluster}` starts one elsewhere"
            )
        if verdict.gone or _policy(record) == REPLACE:
            return verdict.text
        return f"{verdict.text}; it is still paid: `cloudclusters replace {self._cluster}/{verdict.node}`"

    def _forget(self, record: ClusterRecord) -> None:
        """Forget nodes that are there no more, and notices of machines: another one may have the node's name by now."""
        names, machines = {node.name for node in record.nodes}, {_machine(node) for node in record.nodes}
        known: Sequence[tuple[dict[str, object], set[str]]] = (
            (self._stands, names),  # type: ignore[assignment]
            (self._suspects, names),
            (self._notices, machines),
        )
        for each, there in known:
            for name in each.keys() - there:
                del each[name]

    @property
    def trouble(self) -> str:
        """Which nodes do not stand well, and why, in a sentence; empty when all do."""
        return "; ".join(f"{v.node} is {v.standing}: {v.text}" for _, v in sorted(self._stands.items()))

    async def _note(self) -> None:
        """Have the record of a running cluster say which nodes do not stand well."""
        try:
            record = await self._ctx.door(self._ctx.store.record, self._cluster)
            if record.state is not ClusterState.RUNNING or record.reason == self.trouble:
                return
            async with held(self._ctx, self._cluster, "refresh", alone=True, more=True) as lease:
                record = await self._ctx.door(self._ctx.store.record, self._cluster)
                if record.state is ClusterState.RUNNING:
                    await self._ctx.write(msgspec.structs.replace(record, reason=self.trouble), lease)
        except (LeaseHeld, LeaseLost):
            return  # a verb is at work; at the next look, then
        except CloudClustersError as exc:
            self._wait(exc)

    # Acting

    def _pursue(self, group: asyncio.TaskGroup, record: ClusterRecord) -> None:
        """Begin what the policy wants done, one thing at a time."""
        if self._acting is not None and not self._acting.done():
            return
        now = self._ctx.clock.monotonic()
        for node, act in self._wanted(record).items():
            if now >= self._not_before.get(node, now):
                self._acting = group.create_task(self._act(node, act))
                return

    def _wanted(self, record: ClusterRecord) -> Mapping[str, Callable[[], Awaitable[ClusterRecord]]]:
        ctx, cluster, policy = self._ctx, self._cluster, _policy(record)
        wanted: dict[str, Callable[[], Awaitable[ClusterRecord]]] = {}
        provided = {node.instead_of for node in record.nodes}
        head = self._stands.get(record.nodes[0].name)
        if head is not None and head.standing in DEAD:
            return {}  # without a scheduler no other node is of use: `restart`, as was told
        for node in record.nodes[1:]:
            name, verdict, notice = node.name, self._stands.get(node.name), self._notices.get(_machine(node))
            if verdict is not None and verdict.by_itself:
                continue
            if policy == REPLACE and verdict is not None and verdict.standing in DEAD:
                wanted[name] = functools.partial(replace, ctx, cluster, name)
            elif policy == DROP and verdict is not None and verdict.gone:
                wanted[name] = functools.partial(drop, ctx, cluster)
            elif policy == REPLACE and notice is not None and notice.kind == INTERRUPTION and name not in provided:
                wanted[name] = functools.partial(provide, ctx, cluster, name)
            elif policy == REPLACE and notice is not None and notice.kind == REBALANCE and retires_early(record):
                wanted[name] = functools.partial(replace, ctx, cluster, name, drains=True)
        return wanted

    async def _act(self, node: str, act: Callable[[], Awaitable[ClusterRecord]]) -> None:
        try:
            await act()
        except LeaseHeld:
            return  # somebody else is at work; at the next look, then
        except CloudClustersError as exc:
            self._not_before[node] = self._ctx.clock.monotonic() + AGAIN
            self._ctx.tell(self._cluster, "not replaced", exc.message, node=node)


def _machine(node: NodeRecord) -> str:
    return node.instance.id if node.instance is not None else ""


def _policy(record: ClusterRecord) -> str:
    return str(record.plan.settings.get("on_lost") or DROP)
