"""The decision: the best option that can be deployed from here, its fallbacks, and what to know before the yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Place, added, rates_in
from cloudclusters.base.json import digest
from cloudclusters.base.size import format_size
from cloudclusters.base.table import counted, usd
from cloudclusters.catalog import NONE
from cloudclusters.contract.ageing import is_old
from cloudclusters.contract.disk import lacking
from cloudclusters.contract.document import Contract, Plan, RolePlan, Setting
from cloudclusters.contract.limits import written
from cloudclusters.contract.mix import Mix, mix_of, mix_warnings, no_effect
from cloudclusters.contract.policy import PINNED
from cloudclusters.contract.resolution import Choice, ProviderFacts, Resolution, RoleResolution
from cloudclusters.contract.untold import untold
from cloudclusters.contract.world import CAP
from cloudclusters.errors import InvalidContract, MissingExtra, NoMatch, NotSupported
from cloudclusters.settings import Settings
from cloudclusters.settings.keys import DEFAULTS, KEYS
from cloudclusters.vocabulary import FEATURES, Constraint, Range, Terms, contains, format_constraint, taxonomy

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
    decided = _decide(resolution, contract, settings, providers)
    entry, pinned = decided.entry, resolution.policy == PINNED
    provider, region = entry.offer.provider, entry.offer.place.region
    roles = tuple(_seated(_role(role, i, decided, pinned=pinned), settings) for i, role in enumerate(resolution.roles))
    if provider in resolution.assumed:
        raise InvalidContract(
            f"no region is chosen for {provider}; {region} was only its reference",
            hint=f"write cluster_locale={region} in the contract, or region under [{provider}] in the settings",
        )
    text, facts = settings.section(provider), providers[provider]
    made = _made(resolution, contract, text, facts, entry, roles)
    warnings = (
        *_warnings(resolution, contract, entry, made.roles, facts, at),
        *mix_warnings(made.roles, text, resolution.roles[0].assumptions, stops_spot=facts.stops_spot),
        *_not_of(provider, text, contract),
        *_foreign(entry, isa if made.environment == "sync" else ""),
    )
    _refuse_too_many(made, facts)
    return sealed(msgspec.structs.replace(made, warnings=warnings, created=at))


def _made(
    resolution: Resolution,
    contract: Contract,
    text: Mapping[str, str],
    facts: ProviderFacts,
    entry: Choice,
    roles: tuple[RolePlan, ...],
) -> Plan:
    """The plan but for its warnings, its time and its seal."""
    chosen: dict[str, Setting] = {key: value for key, value in text.items() if key not in _FIELDS}
    return Plan(
        contract=contract.handle,
        cluster_type=contract.cluster_type,
        provider=entry.offer.provider,
        roles=roles,
        rates=rates_in(facts.rates, entry.offer.place.region),
        node_process_count=contract.node_process_count,
        engine=text["engine"],
        environment=text.get("environment") or ("image" if facts.shared else "sync"),
        image=text.get("imageid", ""),
        settings=chosen,
        role_settings=contract.role_settings,
        catalog_digest=resolution.catalog_digest,
        settings_digest=resolution.settings_digest,
    )


def sealed(plan: Plan) -> Plan:
    """The plan with the digest of all of it but `created`."""
    bare = msgspec.structs.replace(plan, created=0.0, digest="")
    return msgspec.structs.replace(plan, digest=digest(bare))


def with_limits(plan: Plan, options: Mapping[str, object]) -> Plan:
    """The plan with these limits (`LimitOptions`) instead of those that the settings ask for; `InvalidSetting`."""
    if not options:
        return plan
    return sealed(msgspec.structs.replace(plan, settings={**plan.settings, **written(options, "deploy")}))


class _Decided(msgspec.Struct, frozen=True):
    """The machines of all roles, the entry's first, and how they are bought."""

    contract: Contract
    mix: Mix
    choices: Sequence[Choice]
    costs: Sequence[float | None]
    """USD per hour of all nodes of each role."""

    @property
    def entry(self) -> Choice:
        """What all other roles follow to its provider and region."""
        return self.choices[0]

    def leaves_room(self, role: str, place: int, instead: Choice) -> bool:
        """Whether the cluster may cost what it does with this choice for the role at that place."""
        costs = list(self.costs)
        costs[place] = self.mix.cost(role, instead.count, instead.offer)
        return _may_cost(self.contract, added(costs))


def _decide(
    resolution: Resolution, contract: Contract, settings: Settings, providers: Mapping[str, ProviderFacts]
) -> _Decided:
    """The entry's first choice that can be deployed with its partners, and these."""
    choices = resolution.roles[0].choices
    ready = [c for c in choices if (facts := providers.get(c.offer.provider)) is not None and facts.installed]
    if not ready:
        raise _cannot(choices[0], providers)
    for entry in ready:
        decided = _with_partners(resolution, entry, contract, mix_of(settings.section(entry.offer.provider)))
        if decided is not None:
            _check_priced(resolution, decided.choices, contract)
            return decided
    raise NoMatch(
        "no machines of all roles that were compared go together in one region, at a price that the cluster may have",
        hint=f"loosen one role, or {CAP}",
    )


def _check_priced(resolution: Resolution, chosen: Sequence[Choice], contract: Contract) -> None:
    """Raise `NoMatch` for a machine of an unknown price that the contract does not name."""
    for role, each in zip(resolution.roles, chosen, strict=True):
        if each.cluster_usd is None and not _names(role, each, contract):
            name = each.offer.instance_type
            raise NoMatch(
                f"no price is known for {name} at {each.offer.provider}, and nothing else fits",
                hint=f"name it with node_machinetype={name} to take it at an unknown price",
            )


def _cannot(best: Choice, providers: Mapping[str, ProviderFacts]) -> NotSupported | MissingExtra:
    name, facts = best.offer.provider, providers.get(best.offer.provider)
    said = f"the best that fits is {best.offer.instance_type} at {name}"
    if facts is not None and facts.install:
        return MissingExtra(f"{said}, and {name} is not installed here", hint=facts.install)
    here = sorted(facts.name for facts in providers.values() if facts.installed)
    example = next((name for name in here if providers[name].shared), here[0] if here else "")
    hint = f"installed here: {', '.join(here)}; write for instance node_provider={example}" if here else ""
    return NotSupported(f"{said}, and this release cannot deploy there", hint=hint)


def _with_partners(resolution: Resolution, entry: Choice, contract: Contract, mix: Mix) -> _Decided | None:
    """The entry with the first choice of each other role that stands beside it and leaves the cluster within its cap.

    None where a role has no such choice.
    """
    first, *others = resolution.roles
    chosen, costs = [entry], [mix.cost(first.role, entry.count, entry.offer)]
    for role in others:
        for choice in role.choices:
            cost = mix.cost(role.role, choice.count, choice.offer)
            if _group(choice) == _group(entry) and _may_cost(contract, added((*costs, cost))):
                chosen, costs = [*chosen, choice], [*costs, cost]
                break
        else:
            return None
    return _Decided(contract, mix, chosen, costs)


def _may_cost(contract: Contract, cluster_usd: float | None) -> bool:
    """Whether the whole cluster may cost so much per hour."""
    cap = contract.sizing.get(CAP)
    return cap is None or (cluster_usd is not None and contains(cap, cluster_usd))


def _group(choice: Choice) -> tuple[str, str]:
    """Where all nodes of a cluster stand."""
    return choice.offer.provider, choice.offer.place.region


def _names(role: RoleResolution, choice: Choice, contract: Contract) -> bool:
    """Whether the contract names exactly this type."""
    named = {**contract.assumptions, **contract.roles.get(role.role, {})}.get("node_machinetype")
    return isinstance(named, Terms) and named.any_of == (choice.offer.instance_type,)


def _role(role: RoleResolution, place: int, decided: _Decided, *, pinned: bool) -> RolePlan:
    """The role's machines. With several roles, fallbacks stay in the region, so that the roles stay together."""
    chosen, mix = decided.choices[place], decided.mix
    disk = lacking(role.assumptions, chosen.storage_bytes)
    alike = [c for c in role.choices if c.rank > chosen.rank and c.offer.provider == decided.entry.offer.provider]
    here = [c for c in alike if len(decided.choices) == 1 or _group(c) == _group(decided.entry)]
    # What is built for one instruction set is of no use on the other, and another number of nodes is another plan.
    others = [c for c in here if not pinned and (c.isa, c.count) == (chosen.isa, chosen.count)]
    # One size of root disk goes for all of them: without one, only types that need none can follow.
    fit = [c for c in others if disk is not None or lacking(role.assumptions, c.storage_bytes) is None]
    priced = [c.offer for c in fit if c.cluster_usd is not None and decided.leaves_room(role.role, place, c)]
    mixed = any(offer.market is not Market.ON_DEMAND for offer in (chosen.offer, *priced[:FALLBACKS]))
    return RolePlan(
        role=role.role,
        count=chosen.count,
        offer=chosen.offer,
        fallbacks=tuple(priced[:FALLBACKS]),
        vcpus=chosen.vcpus,
        memory_bytes=chosen.memory_bytes,
        disk_bytes=disk,
        rdma=_needs_rdma(role.assumptions),
        steady_count=mix.steady(role.role, chosen.count) if mixed else 0,
    )


def _seated(role: RolePlan, settings: Settings) -> RolePlan:
    """The role with its offers in the zone that is configured; one that the contract's place names goes before it."""
    zone = settings.text(role.offer.provider, "zone").strip()
    if not zone:
        return role
    offer, *fallbacks = (
        each if each.place.zone else msgspec.structs.replace(each, place=Place(each.place.region, zone))
        for each in (role.offer, *role.fallbacks)
    )
    return msgspec.structs.replace(role, offer=offer, fallbacks=tuple(fallbacks))


def _needs_rdma(assumptions: Mapping[str, Constraint]) -> bool:
    """Whether the contract asks for RDMA: a machine without it would not do."""
    asked = assumptions.get("interconnection_RDMA")
    return asked is not None and not contains(asked, NONE, taxonomy("rdma"))


def _warnings(
    resolution: Resolution,
    contract: Contract,
    entry: Choice,
    roles: Sequence[RolePlan],
    facts: ProviderFacts,
    at: float,
) -> tuple[str, ...]:
    found = [*_elsewhere(resolution, entry)]
    for asked in resolution.roles:
        found += untold(asked.assumptions)
    for role in roles:
        found += _about(role, at)
    if facts.shared:
        found += _sharing(resolution, contract, roles)
    return tuple(dict.fromkeys(found))


def _not_of(provider: str, text: Mapping[str, str], contract: Contract) -> list[str]:
    """Settings of the contract that other providers have, and this one has not."""
    said = [name for name in contract.settings if name not in text and KEYS[name].sections != (DEFAULTS,)]
    return no_effect(said, f"{provider} has no such setting")


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
    if any(each.hourly_usd is None for each, _ in role.groups):
        return [f"the price of {offer.instance_type} is not known"]
    if is_old(offer.price_date, at):
        return [f"the price of {offer.instance_type} in {offer.place} is of {offer.price_date}, more than a year old"]
    return []


def _sharing(resolution: Resolution, contract: Contract, roles: Sequence[RolePlan]) -> list[str]:
    """Quantities that hold for the machine, but not for a node's share of it."""
    nodes = sum(role.count for role in roles)
    found = []
    least = min((role.vcpus for role in roles if role.vcpus is not None), default=nodes)
    if least < nodes:
        found.append(f"{nodes} nodes share the {counted(least, 'processor')} of one machine")
    found += [
        f"{nodes} nodes share one machine: {format_constraint(FEATURES[name], each)} counts it {nodes} times"
        for name, each in contract.sizing.items()
        if FEATURES[name].sums and nodes > 1
    ]
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


def _refuse_too_many(made: Plan, facts: ProviderFacts) -> None:
    if facts.max_nodes is not None and made.node_count > facts.max_nodes:
        raise InvalidContract(
            f"the contract wants {made.node_count} nodes, and {facts.name} has at most {facts.max_nodes} per cluster",
            hint=f"lower node_count to {facts.max_nodes}",
        )
