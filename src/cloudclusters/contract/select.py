"""Instance types that satisfy constraints, whatever their region or price, each with its best known offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cloudclusters.base.table import Cell, counted
from cloudclusters.catalog import Catalog
from cloudclusters.contract.ageing import old_prices
from cloudclusters.contract.build import Item, build, find, flat
from cloudclusters.contract.place import LOCALE, Places
from cloudclusters.contract.rank import Ranked, choice, ranked
from cloudclusters.contract.refusal.rejection import no_match, verdicts
from cloudclusters.contract.resolution import Choice, choices_table, row
from cloudclusters.contract.text import item
from cloudclusters.contract.untold import untold
from cloudclusters.contract.world import PRICE, Providers, Role, World, divides, offered, places_of, role_of, sellers
from cloudclusters.errors import InvalidContract
from cloudclusters.settings import Settings
from cloudclusters.settings.keys import is_key
from cloudclusters.vocabulary import Range, Use


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Instance types in order of their best known price; `warnings` say what was ignored, or told by no catalog."""

    choices: tuple[Choice, ...]
    considered: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What to know of the prices."""
    reason: str = ""
    """Why nothing fits, when nothing does."""

    @property
    def names(self) -> list[str]:
        """The instance types, in order."""
        return [each.offer.instance_type for each in self.choices]

    def rows(self) -> list[dict[str, Cell]]:
        """One row per instance type, by the words of the package."""
        return [row(each) for each in self.choices]

    def __len__(self) -> int:
        return len(self.choices)

    def __str__(self) -> str:
        if not self.choices:
            return self.reason
        text = choices_table(self.choices)
        count = f"{counted(len(self.choices), 'instance type')} of {self.considered}; each at its best known price"
        return "\n".join([text, count, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cloudclusters.contract.notebook import selection_html

        return selection_html(self)


def select(
    parameters: Mapping[str, object] | Sequence[str], catalog: Catalog, *, providers: Providers, now: float = 0.0
) -> Selection:
    """The instance types that satisfy the constraints, of keyword parameters or of text forms.

    `now` is the time, in seconds since the epoch.

    Cluster and configuration parameters are ignored, with a warning that names them. Finding nothing is no error:
    `reason` says why. Raises `InvalidContract`.
    """
    items = flat(parameters) if isinstance(parameters, Mapping) else [item(text) for text in parameters]
    features, ignored = _sorted_out(items)
    contract = build(features, handle="", catalog=catalog)
    world = World(catalog=catalog, settings=Settings(), providers=providers)
    role = role_of("peer", contract, world)
    at = _anywhere(role, world)
    order = _best(role, world, at)
    judged = verdicts(role, world)
    return Selection(
        choices=tuple(choice(i, each, deployable=world.deployable(_seller(each))) for i, each in enumerate(order, 1)),
        considered=judged.considered,
        notes=tuple(old_prices([each.candidate.offer.price_date for each in order], now)),
        reason="" if order else no_match(role, world, at).message,
        warnings=(
            *(f"Only instance features are allowed. Ignoring {name}" for name in ignored),
            *untold(role.assumptions),
        ),
    )


def _sorted_out(items: Iterable[Item]) -> tuple[list[Item], list[str]]:
    """What is about instances, and the names of what is not; raises `InvalidContract` for roles."""
    features: list[Item] = []
    ignored: list[str] = []
    for role, name, value in items:
        if role:
            raise InvalidContract(
                f"select knows no roles, but {role}.{name} was given", hint=f"write {name} without {role}."
            )
        word = find(name)
        if (word is not None and word.use is Use.CLUSTER) or (word is None and (is_key(name) or name == "strict")):
            ignored.append(name)
        else:
            features.append((role, name, value))
    return features, ignored


def _anywhere(role: Role, world: World) -> dict[str, Places]:
    """Every place, unless the constraints name one."""
    if LOCALE in role.assumptions:
        return places_of(role, world)
    return {name: Places(regions=None) for name in sellers(role, world)}


def _best(role: Role, world: World, at: Mapping[str, Places]) -> list[Ranked]:
    """Each fitting type with the first of its offers, in order."""
    found = offered(role, world, at, best=_cheapest_do(role, world, at))
    (order,) = ranked([role], [found], at, world)
    first: dict[tuple[str, str], Ranked] = {}
    for each in order:
        offer = each.candidate.offer
        first.setdefault((offer.provider, offer.instance_type), each)
    return list(first.values())


def _cheapest_do(role: Role, world: World, at: Mapping[str, Places]) -> bool:
    """Whether the first of a type is the cheapest: no price is too low, and no place is preferred or divided."""
    price = role.assumptions.get(PRICE)
    return (
        (price is None or (isinstance(price, Range) and not price.low))
        and all(where.regions is None and not where.home for where in at.values())
        and not divides(role, world, at)
    )


def _seller(ranked: Ranked) -> str:
    return ranked.candidate.offer.provider
