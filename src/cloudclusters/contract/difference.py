"""What differs between two contracts, or between two plans: a document of rows, each with a before and an after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.size import format_size
from cloudclusters.base.table import Cell, table, usd
from cloudclusters.contract.build import FLAGS, ROLES
from cloudclusters.contract.document import Contract, Plan, RolePlan
from cloudclusters.contract.sameness import normal
from cloudclusters.contract.text import parameters_of
from cloudclusters.errors import InvalidContract
from cloudclusters.vocabulary import FEATURES, Use

_SHORT = 12
_APART = ("contract", "roles", "rates", "settings", "role_settings", "warnings", "digest", "created", "version")
"""Fields of a plan that are looked into, or that say nothing of what is made."""

UNSAID: Mapping[str, str] = {
    **{f.name: f.default for f in FEATURES.values() if f.use is Use.CLUSTER and f.default not in ("", "any", ">=0")},
    **dict.fromkeys(FLAGS, "false"),
}
"""What a contract means that does not say it, where that is one value and no configuration can change it."""


class Differing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that differs, as text; None where it is not there."""

    what: str
    before: str | None
    after: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between two contracts or two plans. Its length is the number of things; 0 is none."""

    kind: str
    """`contract` or `plan`."""
    before: str
    """The handle of the one, or the digest of the plan."""
    after: str
    entries: tuple[Differing, ...] = ()
    version: int = 1

    @property
    def title(self) -> str:
        """What is compared."""
        return f"From {self.kind} {self.before} to {self.after}"

    def rows(self) -> list[dict[str, Cell]]:
        """One row for each thing that differs: what `--json` gives."""
        return [{"what": each.what, "before": each.before, "after": each.after} for each in self.entries]

    def table(self) -> tuple[list[str], list[list[Cell]]]:
        """A header and the rows as cells."""
        return ["what", "before", "after"], [[each.what, each.before, each.after] for each in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        if not self.entries:
            verb = "ask for" if self.kind == "contract" else "come to"
            return f"The {self.kind}s {self.before} and {self.after} {verb} the same"
        return f"{self.title}:\n{table(*self.table())}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cloudclusters.contract.notebook import difference_html

        return difference_html(self)


def difference(before: Contract | Plan, after: Contract | Plan) -> Difference:
    """What differs from one contract to another, or from one plan to another; raises `InvalidContract` for a mix.

    Of contracts, what they ask for: a way of writing it, handle and date do not count. Of plans, what is made and at
    which price.
    """
    if isinstance(before, Contract) and isinstance(after, Contract):
        entries = _compared(parameters_of(normal(before)), parameters_of(normal(after)), UNSAID)
        entries.sort(key=lambda entry: _place(entry.what))
        return Difference(kind="contract", before=before.handle, after=after.handle, entries=tuple(entries))
    if isinstance(before, Plan) and isinstance(after, Plan):
        entries = [*_compared(_made(before), _made(after)), *_warnings(before.warnings, after.warnings)]
        names = (before.digest[:_SHORT], after.digest[:_SHORT])
        return Difference(kind="plan", before=names[0], after=names[1], entries=tuple(entries))
    raise InvalidContract(
        "a contract and a plan cannot be compared",
        hint="compare what the contract comes to: cc.difference(cc.plan(contract), plan)",
    )


def _compared(
    before: Mapping[str, str], after: Mapping[str, str], unsaid: Mapping[str, str] | None = None
) -> list[Differing]:
    """The rows for what differs, in the order of the first, then of the second."""
    default = unsaid or {}
    found = []
    for name in dict.fromkeys((*before, *after)):
        old, new = (side.get(name, default.get(name)) for side in (before, after))
        if old != new:
            found.append(Differing(name, old, new))
    return found


def _place(what: str) -> tuple[int, int]:
    """Where a parameter stands: those of the cluster first, then roles; features in the order of the vocabulary."""
    role, dot, word = what.partition(".")
    order = list(FEATURES)
    name = word if dot else what
    return (ROLES.index(role) + 1 if dot else 0, order.index(name) if name in FEATURES else len(order))


def _made(plan: Plan) -> dict[str, str]:
    """What a plan makes, by name."""
    rest = {
        name: _text(getattr(plan, name))
        for name in Plan.__struct_fields__
        if name not in _APART and not name.endswith("_digest")
    }
    found = {name: rest.pop(name) for name in ("provider", "cluster_type")}
    for role in plan.roles:
        prefix = "" if role.role == "peer" else f"{role.role}."
        found |= {f"{prefix}{name}": value for name, value in _machines(role).items()}
    found["cluster_hourly_price"] = _price(plan.hourly_usd)
    found |= {name: value for name, value in rest.items() if value}
    found |= {name: _text(value) for name, value in sorted(plan.settings.items())}
    found |= {f"{role}.{name}": _text(v) for role, rows in plan.role_settings.items() for name, v in rows.items()}
    return found | ({"catalog": plan.catalog_digest[:_SHORT]} if plan.catalog_digest else {})


def _machines(role: RolePlan) -> dict[str, str]:
    """The machines of one role, by the words of the package."""
    offers = [offer for offer, _ in role.groups]
    found = {
        "instance_type": role.offer.instance_type,
        "nodes": " + ".join(f"{count} {offer.market}" for offer, count in role.groups),
        "place": str(role.offer.place),
        "node_hourly_price": " and ".join(_price(offer.hourly_usd) for offer in offers),
        "fallbacks": ", ".join(f"{o.instance_type} in {o.place}" for o in role.fallbacks) or "none",
    }
    if role.disk_bytes is not None:
        found["root_disk"] = format_size(role.disk_bytes)
    return found | ({"rdma": "yes"} if role.rdma else {})


def _warnings(before: Sequence[str], after: Sequence[str]) -> list[Differing]:
    gone = [Differing("warning", each, None) for each in before if each not in after]
    return gone + [Differing("warning", None, each) for each in after if each not in before]


def _price(price: float | None) -> str:
    return "not known" if price is None else f"{usd(price)} USD/h"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
