"""What a verb may be given: a cluster, a handle, a name, or several of them."""

from __future__ import annotations

from collections.abc import Sequence

from cloudclusters.api.cluster import Cluster
from cloudclusters.api.session import Session
from cloudclusters.contract.document import Contract
from cloudclusters.errors import InvalidContract, WrongHandle

Target = Cluster | str


def handle_of(target: object, of: Session) -> str:
    """The handle that a target stands for; raises `UnknownHandle`, `WrongHandle`."""
    match target:
        case Cluster():
            return target.handle
        case str():
            return of.store.find(target)
        case Contract():
            raise WrongHandle(
                f"{target.handle} is a contract, not a cluster", hint="deploy it first: cluster = cc.deploy(contract)"
            )
        case _:
            raise InvalidContract(
                f"a cluster, a handle or a name is wanted, not {type(target).__name__}",
                hint="pass what `deploy` or `reconnect` returned",
            )


def handles_of(targets: Sequence[Target], of: Session) -> list[str]:
    """The handles of several targets, each once; at least one."""
    if not targets:
        raise InvalidContract("this verb needs at least one cluster", hint="pass a cluster, a handle or a name")
    return list(dict.fromkeys(handle_of(target, of) for target in targets))
