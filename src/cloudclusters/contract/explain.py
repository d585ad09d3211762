"""Why this one, why not that one: how named instance types fare with every constraint of a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.table import Cell, counted, table, usd
from cloudclusters.catalog import Catalog, MachineType, cell_of
from cloudclusters.contract.disk import SIZE, stands_in
from cloudclusters.contract.document import Contract
from cloudclusters.contract.names import known_types
from cloudclusters.contract.place import LOCALE, Places
from cloudclusters.contract.rank import Ranked
from cloudclusters.contract.rejection import rejections, verdicts
from cloudclusters.contract.resolution import Rejection
from cloudclusters.contract.resolve import options, world_of
from cloudclusters.contract.world import PRICE, Providers, Role, World, places_of, roles_of
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES, Verdict, format_value, judge


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One constraint, what the type has, and whether that satisfies it: `met`, `missed` or `unknown`."""

    constraint: str
    value: str
    verdict: str


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instance type in one role: how it fares, and where it ranks (0: it does not fit)."""

    role: str
    provider: str
    instance_type: str
    findings: tuple[Finding, ...]
    rank: int = 0
    verdict: str = ""
    """The answer in a sentence."""

    def __str__(self) -> str:
        name = f"{self.instance_type} at {self.provider}" + ("" if self.role == "peer" else f" as {self.role}")
        rows = [[each.constraint, each.value, each.verdict] for each in self.findings]
        return f"{name}: {self.verdict}\n{table(['constraint', 'has', 'verdict'], rows, indent='  ')}"


class Explanation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to why: the outcome in sentences, what each constraint rejects, and the types asked about."""

    outcome: tuple[str, ...]
    subjects: tuple[Subject, ...] = ()
    rejections: dict[str, tuple[Rejection, ...]] = {}
    """By role."""

    def rows(self) -> list[dict[str, Cell]]:
        """One row per constraint and instance type asked about."""
        return [
            {
                "role": subject.role,
                "provider": subject.provider,
                "instance_type": subject.instance_type,
                "constraint": each.constraint,
                "value": each.value,
                "verdict": each.verdict,
            }
            for subject in self.subjects
            for each in subject.findings
        ]

    def __str__(self) -> str:
        parts = list(self.outcome)
        for role, rows in self.rejections.items():
            header = ["constraint" if role == "peer" else f"constraint of {role}", "rejects", "alone", "unknown"]
            cells: list[list[Cell]] = [[r.constraint, r.types, r.alone, r.unknown] for r in rows]
            parts += ["", table(header, cells)] if cells else []
        for subject in self.subjects:
            parts += ["", str(subject)]
        return "\n".join(parts)

    __repr__ = __str__


def explain(
    contract: Contract,
    catalog: Catalog,
    settings: Settings,
    *,
    providers: Providers,
    about: Sequence[str] = (),
) -> Explanation:
    """Say why the first option is the first, what each constraint rejects, and how the types `about` fare.

    Works for a contract that nothing satisfies, too. Raises `InvalidContract` for an unknown instance type.
    """
    world = world_of(contract, catalog, settings, providers)
    roles = roles_of(contract, world)
    where = {name: each for role in roles for name, each in places_of(role, world).items()}
    try:
        where, orders = options(roles, world)
        outcome = [_why_first(role, order) for role, order in zip(roles, orders, strict=True)]
    except NoMatch as exc:
        orders, outcome = [[] for _ in roles], [str(exc)]
    machines = known_types(catalog, about)
    named = dict(zip((role.name for role in roles), orders, strict=True))
    return Explanation(
        outcome=tuple(outcome),
        rejections={role.name: rejections(role, verdicts(role, world), _types(named[role.name])) for role in roles},
        subjects=tuple(
            _subject(role, machine, named[role.name], where, world) for machine in machines for role in roles
        ),
    )


def _types(order: Sequence[Ranked]) -> int:
    return len({(each.candidate.offer.provider, each.candidate.offer.instance_type) for each in order})


def _why_first(role: Role, order: Sequence[Ranked]) -> str:
    """Why the first candidate stands before the second."""
    first = order[0].candidate.offer
    name = "" if role.name == "peer" else f"{role.name}: "
    said = f"{name}{first.instance_type} at {first.provider} in {first.place}, {usd(first.hourly_usd)} USD/h a node"
    if len(order) == 1:
        return f"{said}: the only offer that fits"
    second = order[1].candidate.offer
    reason = _difference(order[0], order[1])
    return f"{said}: {reason} than the next of {counted(len(order), 'offer')}, {second.instance_type} in {second.place}"


def _difference(first: Ranked, second: Ranked) -> str:
    if first.cluster_usd is not None and second.cluster_usd is None:
        return "its price is known, rather"
    if first.cluster_usd != second.cluster_usd:
        return f"cheaper ({usd(first.cluster_usd)} against {usd(second.cluster_usd)} USD/h for the whole cluster)"
    if first.surplus != second.surplus:
        return "at the same price a tighter fit"
    return "equal in price and fit, and earlier by price date, region or name"


def _subject(
    role: Role, machine: MachineType, order: Sequence[Ranked], where: Mapping[str, Places], world: World
) -> Subject:
    findings = [_finding(role, name, machine, world) for name in role.assumptions if FEATURES[name].column]
    name = (machine.provider, machine.instance_type)
    rank = next((i for i, each in enumerate(order, 1) if _name(each) == name), 0)
    if rank:
        each = order[rank - 1]
        said = f"fits, rank {rank} of {len(order)}, {usd(each.cluster_usd)} USD/h for the whole cluster"
        first = order[0].cluster_usd
        if rank > 1 and first and each.cluster_usd is not None:
            said += f", {each.cluster_usd / first:.2f} times the first"
    elif all(each.verdict == Verdict.MET for each in findings):
        said, more = _not_offered(role, machine, where, world)
        findings += more
    else:
        said = "does not fit"
    return Subject(
        role=role.name,
        provider=machine.provider,
        instance_type=machine.instance_type,
        findings=tuple(findings),
        rank=rank,
        verdict=said,
    )


def _name(each: Ranked) -> tuple[str, str]:
    return each.candidate.offer.provider, each.candidate.offer.instance_type


def _finding(role: Role, name: str, machine: MachineType, world: World) -> Finding:
    feature = FEATURES[name]
    cell = cell_of(machine, feature)
    verdict = judge(feature, role.assumptions[name], cell, possible=role.possible)
    has = format_value(feature, cell)
    if (
        name == SIZE
        and verdict is not Verdict.MET
        and stands_in(role.assumptions, world.providers.get(machine.provider))
    ):
        return Finding(role.text(name), f"{has}; its root disk can be made so large", Verdict.MET)
    return Finding(role.text(name), has, verdict)


def _not_offered(
    role: Role, machine: MachineType, where: Mapping[str, Places], world: World
) -> tuple[str, list[Finding]]:
    """The type fits, but no offer of it does: for its place, its price, or the other role's place."""
    prices = world.catalog.prices_of(machine.provider, machine.instance_type)
    at = where.get(machine.provider)
    regions = at.regions if at is not None else None
    here = [p for p in prices if regions is None or p.region in regions]
    wanted = role.text(LOCALE) if LOCALE in role.assumptions else f"region {at.only if at else ''}"
    if not here:
        sold = sorted({price.region for price in prices})
        value = f"sold in {counted(len(sold), 'other region')}" if sold else "no known place"
        return "fits, but is not sold there", [Finding(wanted, value, Verdict.MISSED)]
    if PRICE in role.assumptions:
        cheapest = min((price.usd for price in here if price.usd is not None), default=None)
        return "fits, but not at that price", [Finding(role.text(PRICE), f"{usd(cheapest)} USD/h", Verdict.MISSED)]
    return "fits, but the other role has no machine in its regions", []
