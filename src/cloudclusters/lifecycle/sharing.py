"""The lease of a verb as other machines see it: kept by the head's agent, or in the words of the cluster's machines.

The store knows its own processes only. Words are the weaker way: clocks of two machines are compared, and a provider
may show them late. So the agent is asked first; who has its lease looks at the words once, and soon writes them, too,
for those who cannot reach the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence

from cloudclusters.base.cloud import Instance, InstanceState
from cloudclusters.base.waiting import elapsed
from cloudclusters.errors import LeaseHeld, LeaseLost, NodeError, ProviderError
from cloudclusters.lifecycle.claims import Turn, no_turn_words, turn_words, turns_of_others
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.links import ask, open_one
from cloudclusters.provider.protocol import CanMark
from cloudclusters.remote.channel import LeaseRefused
from cloudclusters.store import Lease
from cloudclusters.store.leases import EXPIRY, LOOKING
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

HEAD = 3.0
"""Seconds in which the head's agent must answer; then the words are taken."""
AT_ONCE = 1.0
"""The same for `terminate`, which has to be quick also when the head is dead."""
ENTERING = 20.0
"""The same where our key has to be let in first, after the cluster was taken up."""
RENEWING = 5.0
ANNOUNCE = 1.0
"""Seconds of a verb after which the words tell of it as well; short ones are not worth the calls."""
_UNSHARED = (ClusterState.DEPLOYING, ClusterState.TERMINATED)
"""States in which no other machine knows the cluster, or nothing is left to act on."""


class Sharing:
    """What one verb holds beyond our store, from `take` to `release`."""

    def __init__(
        self, ctx: Context, record: ClusterRecord, lease: Lease, *, now: Callable[[], float] = elapsed
    ) -> None:
        self.lease = lease
        self._ctx, self._record, self._now = ctx, record, now
        self._verb, self._me = lease.verb, ctx.store.id
        self._who = f"{ctx.store.owner} (process {lease.holder.os_pid} on {lease.holder.host})"
        self._number: int | None = None
        self._heeded = False
        self._said = -math.inf
        self._lost = ""
        self._until = math.inf
        """When it ends by itself, by a clock that goes on while we sleep."""

    async def take(self, *, within: float) -> None:
        """Take it from the head's agent within so many seconds, else by words; raises `LeaseHeld`.

        Where neither can be asked nobody else can ask them either, and the verb goes on with the store's lease.
        """
        head = self._head()
        if head is None or not await self._from_head(head, within):
            await self._by_words()

    async def announce(self) -> None:
        """Write words as well, for those who cannot reach the head; `terminate` leaves nothing to write them on."""
        if self._number is not None and self._verb != "terminate" and self._now() > self._said + EXPIRY / 2:
            await self._mark(self._words())

    async def renew(self) -> None:
        """Go on holding it; what cannot be renewed ends by itself after `EXPIRY` seconds."""
        link = self._ctx.links.get((self._record.handle, self._record.nodes[0].name))
        if self._lost:
            return
        if self._number is not None and link is not None:
            began = self._now()
            try:
                await ask(link, "lease", within=RENEWING, number=self._number, seconds=EXPIRY)
            except LeaseRefused as exc:
                self._lost = exc.reason
            except NodeError:
                await self._renew_by_words()
            else:
                self._until = began + EXPIRY
                await self.announce()
            return
        await self._renew_by_words()

    async def release(self) -> None:
        """Let go, quickly; what cannot be let go of ends by itself."""
        link = self._ctx.links.get((self._record.handle, self._record.nodes[0].name))
        if self._number is not None and link is not None:
            with contextlib.suppress(NodeError):  # it is gone, or ends by itself
                await ask(link, "unlease", within=AT_ONCE, number=self._number)
        if self._said > -math.inf:
            await self._mark(no_turn_words(self._me))

    def check(self) -> None:
        """Raise `LeaseLost` when it was lost, or could not be renewed for so long that others may have taken it."""
        late = "" if self._now() < self._until else f"it could not be renewed for {EXPIRY:g} s"
        if self._lost or late:
            raise LeaseLost(
                f"`{self._verb}` on {self._record.handle} no longer has the lease of the cluster: "
                f"{self._lost or late}; nothing more was done",
                hint=f"see `cloudclusters status {self._record.handle} --refresh`",
            )

    def heed(self, seen: Sequence[Instance]) -> None:
        """Raise `LeaseHeld` when the machines say, at first sight, that somebody acts who could not ask the head."""
        if not self._heeded:
            self._heeded = True
            self._yield_to(self._others(seen))

    # How

    def _head(self) -> NodeRecord | None:
        head = self._record.nodes[0]
        up = head.instance is not None and head.instance.state is InstanceState.RUNNING
        return head if up and self._record.state is not ClusterState.INTERRUPTED else None

    async def _from_head(self, head: NodeRecord, within: float) -> bool:
        ctx, record, began = self._ctx, self._record, self._now()
        patience = within if record.adopted and within >= ENTERING else 0.0
        asked = {"holder": self._me, "who": self._who, "verb": self._verb, "seconds": EXPIRY, "number": None}
        try:
            async with asyncio.timeout(within):
                link = await open_one(ctx, record, head, patience=patience)
                self._number = int(str((await link.call("lease", **asked))["number"]))
        except LeaseRefused as exc:
            raise self._held(exc.reason) from exc
        except (NodeError, ProviderError, TimeoutError, KeyError, ValueError):
            return False  # it is dead, hangs, or talks nonsense
        self._until = began + EXPIRY
        return True

    async def _by_words(self) -> None:
        began = self._now()
        if not await self._mark(self._words()):
            return
        others = self._others(await self._see())
        if others:
            await self._mark(no_turn_words(self._me))
        self._yield_to(others)
        self._heeded, self._until = True, began + EXPIRY

    async def _renew_by_words(self) -> None:
        began = self._now()
        if not isinstance(self._ctx.provider(self._record.holding.provider), CanMark):
            self._until = math.inf if self._own_end() else self._until
            return
        if await self._mark(self._words()):
            if others := self._others(await self._see()):
                self._lost = f"{others[0]} meanwhile"
            else:
                self._until = began + EXPIRY

    def _own_end(self) -> bool:
        """Whether the verb itself let go of the head, which it stops or deletes: then nobody else gets its lease."""
        return (self._record.handle, self._record.nodes[0].name) not in self._ctx.links

    async def _mark(self, words: dict[str, str]) -> bool:
        """Keep words with the machines; whether that could be done."""
        provider = self._ctx.provider(self._record.holding.provider)
        if not isinstance(provider, CanMark):
            return False
        self._said = self._now()
        try:
            await self._ctx.door(provider.mark, self._record.holding, words)
        except ProviderError as exc:
            self._ctx.tell(self._record.handle, "not marked", exc.message)
            return False
        return True

    async def _see(self) -> Sequence[Instance]:
        provider = self._ctx.provider(self._record.holding.provider)
        try:
            return await self._ctx.door(provider.describe, self._record.holding)
        except ProviderError as exc:
            self._ctx.tell(self._record.handle, "waiting", exc.message)
            return ()

    def _words(self) -> dict[str, str]:
        now = self._ctx.clock.now()
        return turn_words(self._me, Turn(now + EXPIRY, now, self._verb, self._who))

    def _others(self, seen: Sequence[Instance]) -> list[Turn]:
        return turns_of_others(seen, self._me, now=self._ctx.clock.now(), longest=EXPIRY)

    def _yield_to(self, others: Sequence[Turn]) -> None:
        if others:
            raise self._held(f"{others[0]}, for {self._ctx.clock.now() - others[0].since:.0f} s")

    def _held(self, reason: str) -> LeaseHeld:
        handle = self._record.handle
        return LeaseHeld(
            f"another machine is at work on {handle}: {reason}",
            hint=f"wait for it; when that machine is dead its lease ends within {EXPIRY:g} s"
            + (f"; `cloudclusters terminate --force {handle}` does not ask" if self._verb == "terminate" else ""),
        )


async def share(ctx: Context, record: ClusterRecord, lease: Lease) -> Sharing | None:
    """Take the lease of a cluster where other machines see it, too; None where there is no need.

    Raises `LeaseHeld` naming who runs which verb there, and for how long.
    """
    looks = lease.verb in LOOKING and record.state not in ClusterState.under_way()
    if looks or record.state in _UNSHARED or not any(node.instance is not None for node in record.nodes):
        return None
    if (await ctx.opened(record.holding.provider)).traits.shared:
        return None
    found = ctx.shared[record.handle] = Sharing(ctx, record, lease)
    unentered = record.adopted and len(record.history) == 1
    await found.take(within=AT_ONCE if lease.verb == "terminate" else ENTERING if unentered else HEAD)
    return found
