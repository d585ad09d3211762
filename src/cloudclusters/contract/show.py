"""Contracts and plans as people read them: small tables in plain text, and what these are made of."""

from __future__ import annotations

from cloudclusters.base.cloud import Offer
from cloudclusters.base.size import format_size
from cloudclusters.base.table import Cell, counted, facts, table, usd
from cloudclusters.contract.build import FLAGS
from cloudclusters.contract.document import Contract, Plan, RolePlan
from cloudclusters.contract.estimate import estimate_facts
from cloudclusters.contract.limits import limits_text, plan_limits
from cloudclusters.contract.text import parameters_of
from cloudclusters.vocabulary import FEATURES, Use

SHORT = 12
"""Digits of a digest that people see."""
PLAN_HEADER = ("role", "nodes", "instance_type", "region", "market", "USD/h", "USD/h for all", "price of")
_IN_TITLE = ("cluster_type", "node_count", "node_process_count")


def contract_text(contract: Contract) -> str:
    """A contract: its handle, its cluster, what each role asks for, and its digest."""
    header, rows = contract_table(contract)
    constraints = [table(header, rows)] if rows else []
    return "\n".join([contract_title(contract), *constraints, facts(contract_facts(contract))])


def contract_title(contract: Contract) -> str:
    """A contract in a line: `Contract FXqElAnSeTEpQAm, PeerWorkers, 4 nodes`."""
    title = f"Contract {contract.handle}, {contract.cluster_type}, {contract.nodes}"
    if contract.node_process_count != 1:
        title += f" with {contract.node_process_count} processes each"
    return title


def contract_table(contract: Contract) -> tuple[list[str], list[list[Cell]]]:
    """The constraints of a contract: a header and a row for each, with its role where the cluster has several."""
    several = len(contract.cluster_type.roles) > 1
    rows: list[list[Cell]] = []
    for name, value in parameters_of(contract).items():
        role, word = _of_role(name)
        if word in FEATURES and name not in _IN_TITLE:
            whole = "cluster" if FEATURES[word].use is Use.CLUSTER else "all"
            rows.append([word, value, *([role or whole] if several else [])])
    return ["feature", "constraint", *(["role"] if several else [])], rows


def contract_facts(contract: Contract) -> list[tuple[str, Cell]]:
    """What a contract says beside its constraints, and its digest."""
    said = {name: value for name, value in parameters_of(contract).items() if _of_role(name)[1] not in FEATURES}
    flags = [(name, said.pop(name)) for name in FLAGS if name in said]
    settings = ", ".join(f"{name}={value}" for name, value in said.items())
    return [*flags, *([("settings", settings)] if settings else []), ("digest", contract.digest[:SHORT])]


def _of_role(name: str) -> tuple[str, str]:
    """The role and the parameter of a name such as `manager.node_machinetype`."""
    role, dot, word = name.partition(".")
    return (role, word) if dot else ("", name)


def plan_text(plan: Plan) -> str:
    """A plan: machines, price, and what to know before the yes."""
    warnings = [f"! {warning}" for warning in plan.warnings]
    return "\n".join([plan_title(plan), table(PLAN_HEADER, plan_rows(plan)), facts(plan_facts(plan)), *warnings])


def plan_title(plan: Plan) -> str:
    """A plan in a line."""
    return f"Plan for {plan.contract}: {plan.cluster_type}, {counted(plan.node_count, 'node')} at {plan.provider}"


def plan_rows(plan: Plan) -> list[list[Cell]]:
    """A row for each part of what is bought, under `PLAN_HEADER`."""
    rows: list[list[Cell]] = []
    for role in plan.roles:
        for offer, count in role.groups:
            price = offer.hourly_usd
            total = None if price is None else price * count
            place = str(offer.place) if offer.place.region else "-"
            day = offer.price_date or "-"
            rows.append([role.role, count, offer.instance_type, place, str(offer.market), usd(price), usd(total), day])
    return rows


def _fallback(role: RolePlan, offer: Offer) -> str:
    """What comes next, with its place where that is another one."""
    where = f" in {offer.place}" if offer.place != role.offer.place else ""
    return f"{offer.instance_type}{where}"


def plan_facts(plan: Plan) -> list[tuple[str, Cell]]:
    """What runs, what comes next without capacity, what it costs, when it ends, and the digest."""
    more: list[tuple[str, Cell]] = [("engine", plan.engine), ("environment", plan.environment)]
    more += [("image", plan.image)] if plan.image else []
    names = [_fallback(role, offer) for role in plan.roles for offer in role.fallbacks]
    more += [("fallbacks", ", ".join(names))] if names else []
    disks = {role.role: format_size(role.disk_bytes) for role in plan.roles if role.disk_bytes is not None}
    more += [("root disk", ", ".join(f"{size} of each {role}" for role, size in disks.items()))] if disks else []
    more.append(("price", f"{usd(plan.hourly_usd)} USD/h" if plan.hourly_usd is not None else "not known"))
    more += estimate_facts(plan)
    more.append(("limits", limits_text(plan_limits(plan), plan.hourly_usd)))
    return [*more, *([("digest", plan.digest[:SHORT])] if plan.digest else [])]
