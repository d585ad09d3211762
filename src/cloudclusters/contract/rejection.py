"""Why types were rejected: counts per constraint, and the minimal conflict when nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from cloudclusters.contract.conflict import minimal_conflict
from cloudclusters.contract.place import LOCALE, Places
from cloudclusters.contract.resolution import Rejection
from cloudclusters.contract.world import PRICE, Role, World, affordable, offered
from cloudclusters.contract.world import judged as judged_types
from cloudclusters.errors import NoMatch

Name = tuple[str, str]
"""A provider and one of its instance types."""


class Verdicts(msgspec.Struct, frozen=True):
    """How all types fare with one role: per pair of masks (failed, unknown), the number of types."""

    names: tuple[str, ...]
    masks: Mapping[tuple[int, int], int]

    @property
    def considered(self) -> int:
        """The number of types."""
        return sum(self.masks.values())

    @property
    def fitting(self) -> int:
        """The number of types that meet everything."""
        return sum(types for (failed, _), types in self.masks.items() if not failed)


def verdicts(role: Role, world: World) -> Verdicts:
    """Judge every type of the catalog against the role's demands, place and price left aside."""
    demands = role.demands
    full = (1 << len(demands)) - 1
    rows = judged_types(role, world)
    return Verdicts(
        tuple(feature.name for feature, _ in demands), Counter((full & ~row.met, row.unknown) for row in rows)
    )


def rejections(role: Role, judged: Verdicts, offered_types: int) -> tuple[Rejection, ...]:
    """What each constraint costs, the costliest first; then what place and price take from what is left."""
    rows = []
    for bit, name in enumerate(judged.names):
        mask = 1 << bit
        hit = [(failed, unknown, types) for (failed, unknown), types in judged.masks.items() if failed & mask]
        if hit:
            alone = sum(types for failed, _, types in hit if failed == mask)
            unknown = sum(types for _, unknown, types in hit if unknown & mask)
            types = sum(types for _, _, types in hit)
            rows.append(Rejection(constraint=role.text(name), types=types, alone=alone, unknown=unknown))
    rows.sort(key=lambda row: (-row.types, row.constraint))
    lost = judged.fitting - offered_types
    if lost > 0:
        rows.append(Rejection(constraint=_last(role), types=lost, alone=lost))
    return tuple(rows)


def no_match(role: Role, world: World, at: Mapping[str, Places], judged: Verdicts) -> NoMatch:
    """The error that names the smallest set of constraints that clash, and what loosening one of them would give."""
    names, unmet = (judged.names, Counter(_failed(judged))) if not judged.fitting else _with_offers(role, world, at)
    clash = [names[i] for i in minimal_conflict(unmet, len(names))]
    texts = tuple(_text(role, name, at) for name in clash)
    said = "the catalog is empty" if not judged.considered else f"no instance type satisfies {_and(texts)}"
    who = f"{role.name}: " if role.name != "peer" else ""
    return NoMatch(who + said, hint=_hint(role, world, at, clash, names, unmet), conflicts=texts)


def _failed(judged: Verdicts) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for (failed, _), types in judged.masks.items():
        counts[failed] += types
    return counts


def _with_offers(role: Role, world: World, at: Mapping[str, Places]) -> tuple[tuple[str, ...], Counter[int]]:
    """Masks with two more bits, for place and price: some types fit, but no offer of them does."""
    demands = role.demands
    full = (1 << len(demands)) - 1
    free = {name: each for name, each in role.assumptions.items() if name not in (LOCALE, PRICE)}
    provider = {name: each for name, each in free.items() if name == "node_provider"}
    every = Role(name=role.name, count=role.count, assumptions=provider, stated=role.stated, possible=True)
    here = offered(every, world, at)
    sold: set[Name] = {(c.offer.provider, c.offer.instance_type) for c in here}
    cheap: set[Name] = {(c.offer.provider, c.offer.instance_type) for c in here if affordable(role, c)}
    extras = 3 if PRICE in role.assumptions else 1
    unmet: Counter[int] = Counter()
    for row in judged_types(role, world):
        name = (row.provider, row.instance_type)
        extra = (name not in sold) | (name not in cheap) << 1
        unmet[(full & ~row.met) | (extra & extras) << len(demands)] += 1
    return (*(feature.name for feature, _ in demands), LOCALE, PRICE), unmet


def _hint(
    role: Role,
    world: World,
    at: Mapping[str, Places],
    clash: Sequence[str],
    names: Sequence[str],
    unmet: Mapping[int, int],
) -> str:
    """What to loosen: the number of types that fail one constraint alone."""
    if not role.possible:
        loose = Role(name=role.name, count=role.count, assumptions=role.assumptions, stated=role.stated, possible=True)
        if offered(loose, world, at):
            return "possible=True accepts types that the provider may place on a processor that fits"
    parts = []
    for name in clash:
        gained = unmet.get(1 << list(names).index(name), 0)
        if gained:
            parts.append(f"without {_text(role, name, at)} {gained} instance type{'s fit' if gained > 1 else ' fits'}")
    return "; ".join(parts) or "`cloudclusters explain` shows what each constraint rejects"


def _text(role: Role, name: str, at: Mapping[str, Places]) -> str:
    if name in role.assumptions:
        return role.text(name)
    regions = sorted({f"{where.only} ({provider})" for provider, where in at.items() if where.only})
    return f"cluster_locale={'|'.join(regions) or 'any'} (the default)"


def _last(role: Role) -> str:
    """What place and price ask for, in text."""
    said = [role.text(name) for name in (LOCALE, PRICE) if name in role.assumptions]
    return " and ".join(said) if said else "sold in the region considered"


def _and(texts: Collection[str]) -> str:
    listed = list(texts)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} and {listed[-1]} together"
