"""The decision: the best option that can be deployed from here, its fallbacks, and what to know before the yes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.json import digest
from cloudclusters.base.size import format_size
from cloudclusters.base.table import counted, usd
from cloudclusters.catalog import NONE
from cloudclusters.contract.disk import lacking
from cloudclusters.contract.document import Contract, Plan, RolePlan, Setting
from cloudclusters.contract.resolution import Choice, ProviderFacts, Resolution, RoleResolution
from cloudclusters.errors import InvalidContract, MissingExtra, NoMatch, NotSupported
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Constraint, Range, Terms, contains, taxonomy

FALLBACKS = 5
_FIELDS = ("engine", "environment", "imageid", "market")
"""Configuration that a plan holds in fields of its own."""


def plan(
    resolution: Resolution,
    contract: Contract,
    settings: Settings,
    providers: Mapping[str, ProviderFacts],
    *,
    at: float = 0.0,
    isa: str = "",
) -> Plan:
    """Take the first option whose provider is installed here; `at` is the time now, in seconds since the epoch.

    `isa` is this machine's own, for what `sync` can send.

    Raises `MissingExtra` or `NotSupported` when nothing that fits can be deployed from here, `InvalidContract` when
    nobody chose a region, `NoMatch` when no price is known and the contract does not name the type.
    """
    settings = settings.over(contract.settings, "contract")
    entry = _first(resolution, contract, providers)
    provider, region = entry.offer.provider, entry.offer.place.region
    if provider in resolution.assumed:
        raise InvalidContract(
            f"no region is chosen for {provider}; {region} was only its reference",
            hint=f"write cluster_locale={region} in the contract, or region under [{provider}] in the settings",
        )
    roles = tuple(_role(role, entry, contract) for role in resolution.roles)
    text = settings.section(provider)
    chosen: dict[str, Setting] = {key: value for key, value in text.items() if key not in _FIELDS}
    environment = text.get("environment") or ("image" if providers[provider].shared else "sync")
    warnings = _warnings(resolution, entry, roles, providers[provider], at)
    made = Plan(
        contract=contract.handle,
        cluster_type=contract.cluster_type,
        provider=provider,
        roles=roles,
        node_process_count=contract.node_process_count,
        engine=text["engine"],
        environment=environment,
        image=text.get("imageid", ""),
        settings=chosen,
        role_settings=contract.role_settings,
        warnings=(*warnings, *_foreign(entry, isa if environment == "sync" else "")),
        catalog_digest=resolution.catalog_digest,
        settings_digest=resolution.settings_digest,
        created=at,
    )
    _refuse_too_many(made, providers[provider])
    return sealed(made)


def sealed(plan: Plan) -> Plan:
    """The plan with the digest of all of it but `created`."""
    bare = msgspec.structs.replace(plan, created=0.0, digest="")
    return msgspec.structs.replace(plan, digest=digest(bare))


def _first(resolution: Resolution, contract: Contract, providers: Mapping[str, ProviderFacts]) -> Choice:
    """The entry's first choice that can be deployed; all roles follow it to its provider and region."""
    choices = resolution.roles[0].choices
    ready = [c for c in choices if (facts := providers.get(c.offer.provider)) is not None and facts.installed]
    if not ready:
        raise _cannot(choices[0], providers)
    first = ready[0]
    for role in resolution.roles:
        chosen = _in_group(role, first)[0]
        if chosen.offer.hourly_usd is None and not _names(role, chosen, contract):
            raise NoMatch(
                f"no price is known for {chosen.offer.instance_type} at {chosen.offer.provider}, and nothing else fits",
                hint=f"name it with node_machinetype={chosen.offer.instance_type} to take it at an unknown price",
            )
    return first


def _cannot(best: Choice, providers: Mapping[str, ProviderFacts]) -> NotSupported | MissingExtra:
    name, facts = best.offer.provider, providers.get(best.offer.provider)
    said = f"the best that fits is {best.offer.instance_type} at {name}"
    if facts is not None and facts.install:
        return MissingExtra(f"{said}, and {name} is not installed here", hint=facts.install)
    here = sorted(facts.name for facts in providers.values() if facts.installed)
    example = next((name for name in here if providers[name].shared), here[0] if here else "")
    hint = f"installed here: {', '.join(here)}; write for instance node_provider={example}" if here else ""
    return NotSupported(f"{said}, and this release cannot deploy there", hint=hint)


def _in_group(role: RoleResolution, entry: Choice) -> list[Choice]:
    """The role's choices at the entry's provider and region, in order."""
    home = (entry.offer.provider, entry.offer.place.region)
    return [c for c in role.choices if (c.offer.provider, c.offer.place.region) == home]


def _names(role: RoleResolution, choice: Choice, contract: Contract) -> bool:
    """Whether the contract names exactly this type."""
    named = {**contract.assumptions, **contract.roles.get(role.role, {})}.get("node_machinetype")
    return isinstance(named, Terms) and named.any_of == (choice.offer.instance_type,)


def _role(role: RoleResolution, entry: Choice, contract: Contract) -> RolePlan:
    """The role's machines. With several roles, fallbacks stay in the region, so that the roles stay together."""
    group = _in_group(role, entry)
    chosen = group[0]
    disk = lacking(role.assumptions, chosen.storage_bytes)
    alike = [c for c in role.choices if c.offer.provider == entry.offer.provider]
    others = [c for c in (group if len(contract.cluster_type.roles) > 1 else alike) if c.rank > chosen.rank]
    others = [c for c in others if c.isa == chosen.isa]  # what is built for one is of no use on the other
    # One size of root disk goes for all of them: without one, only types that need none can follow.
    fit = [c for c in others if disk is not None or lacking(role.assumptions, c.storage_bytes) is None]
    priced = [c.offer for c in fit if c.offer.hourly_usd is not None]
    return RolePlan(
        role=role.role,
        count=role.count,
        offer=chosen.offer,
        fallbacks=tuple(priced[:FALLBACKS]),
        vcpus=chosen.vcpus,
        memory_bytes=chosen.memory_bytes,
        disk_bytes=disk,
        rdma=_needs_rdma(role.assumptions),
    )


def _needs_rdma(assumptions: Mapping[str, Constraint]) -> bool:
    """Whether the contract asks for RDMA: a machine without it would not do."""
    asked = assumptions.get("interconnection_RDMA")
    return asked is not None and not contains(asked, NONE, taxonomy("rdma"))


def _warnings(
    resolution: Resolution, entry: Choice, roles: Sequence[RolePlan], facts: ProviderFacts, at: float
) -> tuple[str, ...]:
    found = [*_elsewhere(resolution, entry)]
    for role in roles:
        found += _about(role, at)
    if facts.shared:
        found += _sharing(resolution, roles)
    return tuple(dict.fromkeys(found))


def _foreign(entry: Choice, isa: str) -> list[str]:
    """Machines that cannot run what is installed here."""
    if not isa or not entry.isa or entry.isa == isa:
        return []
    return [
        f"{entry.offer.instance_type} has {entry.isa} processors and this machine {isa}: packages come from an index, "
        f"and compiled projects of yours cannot be sent; processor_isa={isa} keeps to machines like this one"
    ]


def _elsewhere(resolution: Resolution, entry: Choice) -> list[str]:
    """What would be cheaper at a provider that is not installed here."""
    best = resolution.best
    if best.cluster_usd is None or entry.cluster_usd is None or best.cluster_usd >= entry.cluster_usd:
        return []
    offer = best.offer
    return [
        f"cheaper elsewhere: {offer.instance_type} at {offer.provider} in {offer.place} for {usd(best.cluster_usd)}"
        f" USD/h in all, instead of {usd(entry.cluster_usd)}; {offer.provider} is not installed here"
    ]


def _about(role: RolePlan, at: float) -> list[str]:
    """A disk that the price does not hold; an unknown or an old price."""
    offer = role.offer
    if role.disk_bytes is not None:
        disk = f"{offer.instance_type} has too little disk of its own: each {role.role} gets a root disk of"
        return [f"{disk} {format_size(role.disk_bytes)}, paid beside the listed price", *_price(role, at)]
    return _price(role, at)


def _price(role: RolePlan, at: float) -> list[str]:
    """An unknown or an old price."""
    offer = role.offer
    if offer.hourly_usd is None:
        return [f"the price of {offer.instance_type} is not known"]
    if at and offer.price_date and offer.price_date < _year_before(at):
        return [f"the price of {offer.instance_type} in {offer.place} is of {offer.price_date}, more than a year old"]
    return []


def _sharing(resolution: Resolution, roles: Sequence[RolePlan]) -> list[str]:
    """Quantities that hold for the machine, but not for a node's share of it."""
    nodes = sum(role.count for role in roles)
    found = []
    least = min((role.vcpus for role in roles if role.vcpus is not None), default=nodes)
    if least < nodes:
        found.append(f"{nodes} nodes share the {counted(least, 'processor')} of one machine")
    for asked, made in zip(resolution.roles, roles, strict=True):
        wanted = asked.assumptions
        for name, size, show in (
            ("node_memory_size", made.memory_bytes, format_size),
            ("node_vcpus_count", made.vcpus, str),
        ):
            bound = wanted.get(name)
            low = bound.low if isinstance(bound, Range) else None
            if low and size is not None and size // nodes < low:
                found.append(
                    f"{nodes} nodes share one machine: each has {show(size // nodes)} of {name}, "
                    f"less than the {show(int(low))} asked for"
                )
    return found


def _year_before(at: float) -> str:
    now = time.gmtime(at)
    return f"{now.tm_year - 1:04}-{now.tm_mon:02}-{now.tm_mday:02}"


def _refuse_too_many(made: Plan, facts: ProviderFacts) -> None:
    if facts.max_nodes is not None and made.node_count > facts.max_nodes:
        raise InvalidContract(
            f"the contract wants {made.node_count} nodes, and {facts.name} has at most {facts.max_nodes} per cluster",
            hint=f"lower node_count to {facts.max_nodes}",
        )
