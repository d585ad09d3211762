"""When two contracts, or two plans, are the same: what they ask for, or decide, in one canonical form."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cloudclusters.base.constraint import Constraint, Number, Range
from cloudclusters.base.json import canonical, digest
from cloudclusters.contract.document import Contract, Plan


def normal(contract: Contract) -> Contract:
    """The contract as all are that ask for the same: without handle, date and version, alternatives in one order."""
    return msgspec.structs.replace(
        contract,
        handle="",
        created=0.0,
        version=1,
        sizing=_normal(contract.sizing),
        assumptions=_normal(contract.assumptions),
        roles={role: _normal(rows) for role, rows in contract.roles.items() if rows},
        role_settings={role: rows for role, rows in contract.role_settings.items() if rows},
    )


def asked(contract: Contract) -> bytes:
    """What a contract asks for, as canonical JSON. What it leaves at its default is not there.

    So a release that knows one parameter more finds the same digest for a contract that does not use it.
    """
    return canonical(_stated(contract))


def contract_digest(contract: Contract) -> str:
    """The sha256 of what a contract asks for, in hex."""
    return digest(_stated(contract))


def decided(plan: Plan) -> bytes:
    """All of a plan but its date and its digest, as canonical JSON: what the digest covers."""
    return canonical(msgspec.structs.replace(plan, created=0.0, digest=""))


def _stated(contract: Contract) -> dict[str, object]:
    shown, unset = normal(contract), Contract(handle="")
    return {
        name: getattr(shown, name)
        for name in Contract.__struct_fields__
        if getattr(shown, name) != getattr(unset, name)
    }


def _normal(rows: Mapping[str, Constraint]) -> dict[str, Constraint]:
    return {name: _one_form(each) for name, each in sorted(rows.items())}


def _one_form(constraint: Constraint) -> Constraint:
    """No quantity is below 0, `8.0` is 8, and alternatives have no order."""
    if isinstance(constraint, Range):
        return Range(_number(constraint.low) or None, _number(constraint.high))
    return msgspec.structs.replace(
        constraint, any_of=tuple(sorted(constraint.any_of)), none_of=tuple(sorted(constraint.none_of))
    )


def _number(number: Number | None) -> Number | None:
    return int(number) if isinstance(number, float) and number.is_integer() else number
