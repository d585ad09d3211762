"""What the ledger comes to, per node, per cluster and in all: pure, and printed as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cloudclusters.base.table import Cell, table, usd
from cloudclusters.store.booking import Entry, Kind
from cloudclusters.store.record import Summary

_TITLES = ("machines", "hours", "compute", "disk", "address", "total", "USD/h now")


class Sum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some machines cost, in USD; a figure is None where none of its prices is known."""

    machines: int = 0
    machine_seconds: float = 0.0
    compute_usd: float | None = 0.0
    disk_usd: float | None = 0.0
    address_usd: float | None = 0.0
    total_usd: float | None = 0.0
    hourly_usd: float | None = 0.0
    """What goes on being paid now, per hour."""
    unknown: tuple[str, ...] = ()
    """What among it (`compute`, `disk`, `address`) has an unknown price, and is not in the figures."""


class NodeCost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one seat of a cluster cost, whichever machines sat there; without a name, what came before the ledger."""

    node: str
    cost: Sum


class ClusterCost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one cluster cost, with its nodes."""

    handle: str
    name: str
    state: str
    cost: Sum
    nodes: tuple[NodeCost, ...]


class Cost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What clusters cost from `since` until `at`, in seconds since the epoch, and in all."""

    since: float
    at: float
    total: Sum
    clusters: tuple[ClusterCost, ...]

    def __str__(self) -> str:
        return cost_text(self)

    __repr__ = __str__


def cost_of(found: Sequence[tuple[Summary, Sequence[Entry]]], *, since: float, now: float) -> Cost:
    """The sums of these clusters' entries, as far as they lie between `since` and `now`."""
    within = [(summary, _within(entries, since)) for summary, entries in found]
    return Cost(
        since=since,
        at=now,
        total=sum_of([entry for _, entries in within for entry in entries], since=since, now=now),
        clusters=tuple(_cluster(summary, entries, since=since, now=now) for summary, entries in within),
    )


def sum_of(entries: Sequence[Entry], *, since: float, now: float) -> Sum:
    """What these entries come to."""
    parts = {kind: [entry for entry in entries if entry.kind is kind] for kind in Kind}
    return Sum(
        machines=len({entry.instance for entry in entries if entry.instance}),
        machine_seconds=sum(entry.seconds(now, since=since) for entry in parts[Kind.COMPUTE]),
        compute_usd=_known(entry.usd(now, since=since) for entry in parts[Kind.COMPUTE]),
        disk_usd=_known(entry.usd(now, since=since) for entry in parts[Kind.DISK]),
        address_usd=_known(entry.usd(now, since=since) for entry in parts[Kind.ADDRESS]),
        total_usd=_known(entry.usd(now, since=since) for entry in entries),
        hourly_usd=_known(entry.hourly_usd for entry in entries if entry.ended is None),
        unknown=tuple(kind.value for kind in Kind if any(entry.hourly_usd is None for entry in parts[kind])),
    )


def cost_text(cost: Cost, *, nodes: bool = False) -> str:
    """A table with a line for each cluster, or node, and one for all; then what is not in it."""
    header = ["cluster", "name", "state", *(["node"] if nodes else []), *_TITLES]
    rows: list[list[Cell]] = []
    for cluster in cost.clusters:
        who: list[Cell] = [cluster.handle, cluster.name, cluster.state]
        lines = [[*who, node.node, *_cells(node.cost)] for node in cluster.nodes]
        rows += lines if nodes else [[*who, *_cells(cluster.cost)]]
    rows.append(["in all", "", "", *([""] if nodes else []), *_cells(cost.total)])
    text, unknown = table(header, rows), cost.total.unknown
    return f"{text}\nnot in it: {', '.join(unknown)} of an unknown price" if unknown else text


def clock(seconds: float) -> str:
    """Hours to the second: `12:03:59`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _within(entries: Iterable[Entry], since: float) -> list[Entry]:
    return [entry for entry in entries if entry.ended is None or entry.ended >= since]


def _cluster(summary: Summary, entries: Sequence[Entry], *, since: float, now: float) -> ClusterCost:
    seats: dict[str, list[Entry]] = {}
    for entry in entries:
        seats.setdefault(entry.node, []).append(entry)
    return ClusterCost(
        handle=summary.handle,
        name=summary.name,
        state=summary.state.value,
        cost=sum_of(entries, since=since, now=now),
        nodes=tuple(NodeCost(node=node, cost=sum_of(mine, since=since, now=now)) for node, mine in seats.items()),
    )


def _known(prices: Iterable[float | None]) -> float | None:
    """The sum of those that are known; None when there are some and none is."""
    found = list(prices)
    known = [price for price in found if price is not None]
    return sum(known) if known or not found else None


def _cells(cost: Sum) -> list[Cell]:
    prices = (cost.compute_usd, cost.disk_usd, cost.address_usd, cost.total_usd, cost.hourly_usd)
    return [cost.machines, clock(cost.machine_seconds), *(usd(price) for price in prices)]
