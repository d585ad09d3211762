"""reconnect for people: clusters that this store knows, and those that only the cloud knows."""

from __future__ import annotations

from collections.abc import Sequence

from cloudclusters.api.session import Session
from cloudclusters.api.targets import Target, handle_of
from cloudclusters.base.gather import each_to_its_end
from cloudclusters.errors import InvalidContract, UnknownHandle, WrongHandle
from cloudclusters.lifecycle.adopt import adopt, find_elsewhere
from cloudclusters.lifecycle.reconnect import reconnect


async def reconnect_each(of: Session, targets: Sequence[Target]) -> list[str]:
    """Take up each of these clusters; returns their handles. One that fails stops none of the others."""
    if not targets:
        raise InvalidContract("this verb needs at least one cluster", hint="pass a cluster, a handle or a name")
    return await each_to_its_end(_one(of, target) for target in targets)


async def _one(of: Session, target: Target) -> str:
    try:
        handle = handle_of(target, of)
    except WrongHandle:
        raise
    except UnknownHandle as unknown:
        return await _elsewhere(of, str(target), unknown)
    return (await reconnect(of.context, handle)).handle


async def _elsewhere(of: Session, word: str, unknown: UnknownHandle) -> str:
    names = of.clouds()
    holding, troubles = await find_elsewhere(of.context, word, names)
    if holding is not None:
        return (await adopt(of.context, holding)).handle
    looked = f"; nor does {' or '.join(names)} have it" if names and not troubles else ""
    told = f"; {'; '.join(troubles)}" if troubles else ""
    raise UnknownHandle(f"{unknown.message}{looked}{told}", hint=unknown.hint) from None
