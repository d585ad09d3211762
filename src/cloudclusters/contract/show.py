"""Contracts and plans as people read them: small tables in plain text."""

from __future__ import annotations

from cloudclusters.base.size import format_size
from cloudclusters.base.table import Cell, counted, facts, table, usd
from cloudclusters.contract.document import Contract, Plan
from cloudclusters.vocabulary import FEATURES, format_constraint


def contract_text(contract: Contract) -> str:
    """A contract: its handle, its cluster, and what each role asks for."""
    title = f"Contract {contract.handle}, {contract.cluster_type}, {counted(contract.node_count, 'node')}"
    if contract.node_process_count != 1:
        title += f" with {contract.node_process_count} processes each"
    lines = [title]
    for role in ("", *contract.cluster_type.roles):
        features = contract.roles.get(role, {}) if role else contract.assumptions
        settings = contract.role_settings.get(role, {}) if role else contract.settings
        prefix = f"  {role}." if role else "  "
        lines += [prefix + format_constraint(FEATURES[name], each) for name, each in features.items()]
        lines += [f"{prefix}{name}={value}" for name, value in settings.items()]
    lines += [f"  {name}=true" for name in ("possible", "strict") if getattr(contract, name)]
    return "\n".join(lines)


def plan_text(plan: Plan) -> str:
    """A plan: machines, price, and what to know before the yes."""
    header = ["role", "nodes", "instance_type", "region", "market", "USD/h", "USD/h for all"]
    rows: list[list[Cell]] = []
    for role in plan.roles:
        offer = role.offer
        price = offer.hourly_usd
        total = None if price is None else price * role.count
        place = str(offer.place) if offer.place.region else "-"
        rows.append([role.role, role.count, offer.instance_type, place, str(offer.market), usd(price), usd(total)])
    more: list[tuple[str, Cell]] = [("engine", plan.engine), ("environment", plan.environment)]
    more += [("image", plan.image)] if plan.image else []
    names = [offer.instance_type for role in plan.roles for offer in role.fallbacks]
    more += [("fallbacks", ", ".join(names))] if names else []
    disks = {role.role: format_size(role.disk_bytes) for role in plan.roles if role.disk_bytes is not None}
    more += [("root disk", ", ".join(f"{size} of each {role}" for role, size in disks.items()))] if disks else []
    more.append(("price", f"{usd(plan.hourly_usd)} USD/h" if plan.hourly_usd is not None else "not known"))
    title = f"Plan for {plan.contract}: {plan.cluster_type}, {counted(plan.node_count, 'node')} at {plan.provider}"
    warnings = [f"! {warning}" for warning in plan.warnings]
    return "\n".join([title, table(header, rows), facts(more), *warnings])
