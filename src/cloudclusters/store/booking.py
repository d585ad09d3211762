"""What a record says about the ledger: which entries begin and which end. Pure; the ledger writes it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

import msgspec

from cloudclusters.base.cloud import Instance, InstanceState, Offer
from cloudclusters.base.size import GiB
from cloudclusters.store.record import ClusterRecord

_DELETED = (InstanceState.TERMINATING, InstanceState.GONE)


class Kind(enum.StrEnum):
    """What is paid."""

    COMPUTE = "compute"
    """A machine while it runs."""
    DISK = "disk"
    """Its root disk, until it is deleted."""
    ADDRESS = "address"
    """Its public address, while it runs."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing paid without a break, at one price; times in seconds since the epoch."""

    entry: int = 0
    """Its number; 0 before it is written."""
    cluster: str
    node: str
    instance: str
    kind: Kind
    instance_type: str
    market: str
    hourly_usd: float | None
    """None is unknown."""
    least: float = 0.0
    """Seconds that are paid at least."""
    began: float
    ended: float | None = None
    """None while it goes on."""

    def seconds(self, now: float, *, since: float = 0.0) -> float:
        """How long it lasted between `since` and `now`; never below 0."""
        end = now if self.ended is None else self.ended
        return max(end - max(self.began, since), 0.0)

    def usd(self, now: float, *, since: float = 0.0) -> float | None:
        """What that cost; the least that is paid counts where it began. None when its price is unknown."""
        if self.hourly_usd is None:
            return None
        least = self.least if self.began >= since else 0.0
        return self.hourly_usd * max(self.seconds(now, since=since), least) / 3600


def booked(
    known: Sequence[Entry], record: ClusterRecord, *, also: Iterable[Instance] = (), now: float
) -> tuple[Entry, ...]:
    """What to write: entries that begin (without a number), and open ones that ended.

    `known` are all entries of the cluster so far; `also` are machines as seen that the record has no node for, or has
    no longer. An open entry whose machine neither of them tells of ended. The same again gives nothing.
    """
    machines = {node.instance.id: node.instance for node in record.nodes if node.instance is not None}
    machines |= {instance.id: instance for instance in also}
    mine: dict[str, list[Entry]] = {}
    for entry in known:
        mine.setdefault(entry.instance, []).append(entry)
    found: list[Entry] = []
    for machine in machines.values():
        found += _Book(record, machine, mine.get(machine.id, []), now).changes()
    found += [_ended(entry, now) for entry in known if entry.ended is None and entry.instance not in machines]
    return tuple(found)


class _Book:
    """The entries of one machine, and what is new about them."""

    def __init__(self, record: ClusterRecord, machine: Instance, known: Sequence[Entry], now: float) -> None:
        self._record, self._machine, self._now = record, machine, now
        self._known = known
        self._end = machine.ended_at or now

    def changes(self) -> list[Entry]:
        compute = self._compute()
        return [*compute, *self._disk(), *self._address(compute)]

    def _compute(self) -> list[Entry]:
        """From each start to its end; a start that nobody saw counts, where its end is known."""
        machine, last = self._machine, self._last(Kind.COMPUTE)
        open_one = last if last is not None and last.ended is None else None
        started_anew = last is not None and machine.launched_at > last.began
        paid = machine.state is InstanceState.RUNNING or (
            machine.state is InstanceState.PENDING
            and (open_one is not None or self._record.rates.billed_from is InstanceState.PENDING)
        )
        if open_one is not None and paid and not started_anew:
            return []
        # Of a machine that was stopped and started unseen, only the new start is known: it ran until then at most.
        ending = [_ended(open_one, machine.launched_at if paid else self._end)] if open_one is not None else []
        after = ending[0].ended if ending else last.ended if last is not None else None
        if paid:
            anew = last is None or started_anew
            return [*ending, self._begun(Kind.COMPUTE, self._price(), after, since_launch=anew)]
        if open_one is None and self._ran_unseen(last):
            began = self._begun(Kind.COMPUTE, self._price(), after, since_launch=True)
            return [_ended(began, self._end)]
        return ending

    def _ran_unseen(self, last: Entry | None) -> bool:
        """Whether it was started since its last entry, and ended before anybody looked."""
        machine = self._machine
        if machine.state is InstanceState.PENDING or not machine.launched_at:
            return False
        if last is not None and (machine.launched_at <= last.began or machine.launched_at < (last.ended or 0.0)):
            return False
        return machine.state in _DELETED or machine.ended_at > 0

    def _disk(self) -> list[Entry]:
        """From the launch to the deletion, however often it is stopped."""
        rate = self._record.rates.disk_usd
        last = self._last(Kind.DISK)
        lives = self._machine.state not in _DELETED
        if rate == 0 or (last is None and not lives and not self._machine.launched_at):
            return []
        if last is not None and last.ended is None:
            return [] if lives else [_ended(last, self._end)]
        if last is not None and not lives:
            return []
        size = self._machine.disk_bytes or self._planned_disk()
        price = rate * size / GiB if rate is not None and size else None
        after = last.ended if last is not None else None
        begun = self._begun(Kind.DISK, price, after, since_launch=last is None)
        return [begun if lives else _ended(begun, self._end)]

    def _address(self, compute: Sequence[Entry]) -> list[Entry]:
        """While the machine runs, and has one."""
        rate, last = self._record.rates.address_usd, self._last(Kind.ADDRESS)
        open_one = last if last is not None and last.ended is None else None
        running = next((entry for entry in compute if entry.ended is None), None)
        cut = next((entry.ended for entry in compute if entry.ended is not None), None)
        has = self._machine.state is InstanceState.RUNNING and bool(self._machine.public_address) and rate != 0
        ending = []
        if open_one is not None and (cut is not None or not has):
            ending, open_one = [_ended(open_one, self._end if cut is None else cut)], None
        if not has or open_one is not None:
            return ending
        after = ending[0].ended if ending else last.ended if last is not None else None
        began = running or self._last(Kind.COMPUTE)
        begun = self._begun(Kind.ADDRESS, rate, after, since_launch=running is not None or last is None)
        return [*ending, msgspec.structs.replace(begun, began=max(begun.began, began.began if began else 0.0))]

    def _last(self, kind: Kind) -> Entry | None:
        return next((entry for entry in reversed(self._known) if entry.kind is kind), None)

    def _begun(self, kind: Kind, price: float | None, after: float | None, *, since_launch: bool) -> Entry:
        """A new entry, from the launch or from now on, but not before the last one's end."""
        machine = self._machine
        began = machine.launched_at if since_launch and machine.launched_at else self._now
        return Entry(
            cluster=self._record.handle,
            node=machine.slot.name,
            instance=machine.id,
            kind=kind,
            instance_type=machine.instance_type,
            market=machine.market,
            hourly_usd=price,
            least=self._record.rates.least,
            began=max(began, after or 0.0),
        )

    def _price(self) -> float | None:
        """The price that its launch was made at; None when nobody knows."""
        machine = self._machine
        for node in self._record.nodes:
            if (node.slot, node.token) == (machine.slot, machine.token):
                return node.offer.hourly_usd
        offers = (offer for role in self._record.plan.roles for offer in (role.offer, *role.fallbacks))
        both = (each for offer in offers for each in (offer, offer.on_demand))
        return next((offer.hourly_usd for offer in both if self._fits(offer)), None)

    def _fits(self, offer: Offer) -> bool:
        machine = self._machine
        wanted = (machine.instance_type, machine.market, machine.place.region)
        return wanted == (offer.instance_type, offer.market, offer.place.region)

    def _planned_disk(self) -> int:
        """The root disk that the plan asks for; 0 where it is the image's own."""
        roles = (role for role in self._record.plan.roles if role.role == self._machine.slot.role)
        return next((role.disk_bytes or 0 for role in roles), 0)


def _ended(entry: Entry, at: float) -> Entry:
    return msgspec.structs.replace(entry, ended=max(at, entry.began))
