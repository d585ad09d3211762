"""From a contract to all its options, in order: pure, and the same answer every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudclusters.base.table import shorten
from cloudclusters.catalog import Candidate, Catalog
from cloudclusters.contract.document import Contract
from cloudclusters.contract.place import Places
from cloudclusters.contract.rank import Ranked, choices, ranked
from cloudclusters.contract.rejection import no_match, rejections, verdicts
from cloudclusters.contract.resolution import Resolution, RoleResolution
from cloudclusters.contract.world import Providers, Role, World, offered, places_of, roles_of
from cloudclusters.errors import Ambiguous, NoMatch
from cloudclusters.settings import Settings


def resolve(
    contract: Contract, catalog: Catalog, settings: Settings, *, providers: Providers, at: float = 0.0
) -> Resolution:
    """Rank every offer that satisfies the contract; `at` is the time now, in seconds since the epoch.

    Raises `NoMatch` with a minimal conflicting set of constraints, and `Ambiguous` for a strict contract that several
    instance types satisfy.
    """
    world = world_of(contract, catalog, settings, providers)
    roles = roles_of(contract, world)
    where, orders = options(roles, world)
    found = tuple(_role(role, order, world, partners=len(roles) > 1) for role, order in zip(roles, orders, strict=True))
    if contract.strict:
        _refuse_several(roles, orders)
    used = {each.candidate.offer.provider for order in orders for each in order}
    return Resolution(
        contract=contract.handle,
        cluster_type=contract.cluster_type,
        roles=found,
        regions={name: each.only for name, each in where.items() if each.only and name in used},
        assumed=tuple(name for name, each in where.items() if each.assumed and name in used),
        notes=_notes(used, where),
        catalog_digest=catalog.digest,
        settings_digest=settings.digest,
        settings=settings.flat(),
        created=at,
    )


def world_of(contract: Contract, catalog: Catalog, settings: Settings, providers: Providers) -> World:
    """What this contract is resolved in: its own configuration lies over the settings."""
    return World(catalog=catalog, settings=settings.over(contract.settings, "contract"), providers=providers)


def options(roles: Sequence[Role], world: World) -> tuple[dict[str, Places], list[list[Ranked]]]:
    """Where machines may stand, and for each role its candidates in order; raises `NoMatch` when a role has none."""
    where: dict[str, Places] = {}
    found: list[list[Candidate]] = []
    for role in roles:
        at = places_of(role, world)
        where |= at
        candidates = offered(role, world, at)
        if not candidates:
            raise no_match(role, world, at, verdicts(role, world))
        found.append(candidates)
    orders = ranked(roles, found, where)
    if not all(orders):
        raise _apart(roles, found)
    return where, orders


def _role(role: Role, order: Sequence[Ranked], world: World, *, partners: bool) -> RoleResolution:
    judged = verdicts(role, world)
    types = {(each.candidate.offer.provider, each.candidate.offer.instance_type) for each in order}
    return RoleResolution(
        role=role.name,
        count=role.count,
        assumptions=role.assumptions,
        choices=choices(order, world, partners=partners),
        total=len(order),
        types=len(types),
        considered=judged.considered,
        rejections=rejections(role, judged, len(types)),
    )


def _notes(used: set[str], where: Mapping[str, Places]) -> tuple[str, ...]:
    assumed = [f"{name} by {each.only}" for name, each in where.items() if each.assumed and name in used]
    if not assumed:
        return ()
    return (f"No region is configured; compared {', '.join(assumed)}. `deploy` asks for a region.",)


def _refuse_several(roles: Sequence[Role], orders: Sequence[Sequence[Ranked]]) -> None:
    for role, order in zip(roles, orders, strict=True):
        names = list(dict.fromkeys(f"{r.candidate.offer.provider} {r.candidate.offer.instance_type}" for r in order))
        if len(names) > 1:
            who = "the contract" if role.name == "peer" else f"the role {role.name!r}"
            best = order[0].candidate.offer.instance_type
            raise Ambiguous(
                f"{len(names)} instance types satisfy {who}: {shorten(names)}",
                hint=f"pin one, such as node_machinetype={best}, or leave strict out: the first is taken then",
                candidates=names,
            )


def _apart(roles: Sequence[Role], found: Sequence[Sequence[Candidate]]) -> NoMatch:
    """Every role has machines, but never at one provider and in one region."""
    parts = []
    for role, candidates in zip(roles, found, strict=True):
        regions = sorted({f"{c.offer.provider} {c.offer.place}" for c in candidates})
        parts.append(f"{role.name} in {shorten(regions)}")
    return NoMatch(
        f"no provider has machines for all roles in one region: {'; '.join(parts)}",
        hint="loosen one role, or name a place with cluster_locale",
    )
