"""Every error the package raises on purpose: each class answers who can do something about it.

The message says what happened, with the values; `hint` says what to type next.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class Remedy(enum.Enum):
    """Who can do something about an error, and so the exit code of the command line."""

    FIX = 1
    """The user changes a value, a file or a command."""
    USAGE = 2
    """The command itself was wrong."""
    WAIT = 3
    """Nobody changes anything: try later, or go elsewhere."""
    REPORT = 4
    """Our mistake, or one we do not know: tell us."""
    TIMEOUT = 124
    """The time that was given ran out."""


class CloudClustersError(Exception):
    """The root of all errors of cloudclusters; `except CloudClustersError` catches every one of them."""

    remedy = Remedy.FIX

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


def _rebuild(kind: type[CloudClustersError], args: tuple[str, ...], state: dict[str, object]) -> CloudClustersError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


# What the user wrote


class InvalidContract(CloudClustersError):
    """A parameter, value or combination in a contract that cannot be meant."""


class InvalidSetting(CloudClustersError):
    """A configuration key or value that is unknown or malformed; names file, line and key."""


class InvalidOverlay(CloudClustersError):
    """A file of your own rows for the catalog that says what cannot be; names file, line and key or column."""


class UnknownName(CloudClustersError):
    """A name that nothing answers to: a feature, a provider, an engine, a file."""


class UnknownHandle(CloudClustersError):
    """A handle or cluster name that the store does not know."""


class WrongHandle(CloudClustersError):
    """A handle of the wrong kind: a contract where a cluster is wanted, or the other way round."""


class NameTaken(CloudClustersError):
    """A name for a cluster that a cluster not yet terminated has already."""


class NotPicklable(CloudClustersError):
    """A function or an argument that cannot travel to a worker."""


# Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """What to ask for instead, and what that would buy; the price in USD per hour, None when it is not known."""

    instead: Mapping[str, str]
    """The constraints to write, by feature."""
    provider: str
    instance_type: str
    region: str
    hourly_usd: float | None
    """Of one node."""
    count: int = 1
    """Nodes that the contract then gets."""
    price_date: str = ""
    """The day of the price, as `YYYY-MM-DD`; empty where it is not known."""

    def __str__(self) -> str:
        price = "at an unknown price" if self.hourly_usd is None else f"for {self.hourly_usd:g} USD/h"
        place = f" in {self.region}" if self.region else ""
        many, each = (f"{self.count} x ", " each") if self.count > 1 else ("", "")
        day = f" (price of {self.price_date})" if self.price_date else ""
        bought = f"{many}{self.instance_type} at {self.provider}{place} {price}{each if self.hourly_usd else ''}{day}"
        return f"{' and '.join(self.instead.values())} buys {bought}"


class NoMatch(CloudClustersError):
    """No instance type satisfies the contract.

    `conflicts` is the smallest set of constraints that clash, `conflict_sets` are all minimal ones, that one first;
    `relaxations` say what to ask for instead, the nearest first.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        conflict_sets: Sequence[Sequence[str]] = (),
        relaxations: Sequence[Relaxation] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.conflict_sets = tuple(map(tuple, conflict_sets))
        self.conflicts = self.conflict_sets[0] if self.conflict_sets else ()
        self.relaxations = tuple(relaxations)


class Ambiguous(CloudClustersError):
    """Several instance types satisfy a contract resolved with `strict=True`; `candidates` names them."""

    def __init__(self, message: str, *, hint: str = "", candidates: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.candidates = tuple(candidates)


class Unresolved(CloudClustersError):
    """A contract that was never resolved, or whose catalog or settings changed since."""


class NotSupported(CloudClustersError):
    """Something this provider, cluster type or release cannot do; the cluster is unharmed."""


class MissingExtra(CloudClustersError):
    """An optional dependency is not installed; the hint is the install line."""


# Lifecycle


class IllegalState(CloudClustersError):
    """A verb that the cluster's state does not allow; names state, verb and the verbs that would work."""


class LeaseHeld(CloudClustersError):
    """Another process is running a verb on this cluster."""

    remedy = Remedy.WAIT


class LeaseLost(CloudClustersError):
    """Another process took the lease over; this one must not write any more."""

    remedy = Remedy.WAIT


class DeployFailed(CloudClustersError):
    """A deploy that did not reach running; says what was undone and what is left."""

    remedy = Remedy.WAIT


class ClusterBroken(CloudClustersError):
    """A verb left the cluster half-way; `restart`, `resume` or `terminate` take it from there."""

    remedy = Remedy.WAIT


class SeveralFailed(CloudClustersError):
    """Several of the things done at once failed; the message tells all of them, and `errors` holds them."""

    def __init__(self, message: str, *, hint: str = "", errors: Sequence[CloudClustersError] = ()) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)
        if errors:
            self.remedy = max((error.remedy for error in errors), key=lambda remedy: remedy.value)


class WaitTimeout(CloudClustersError):
    """A wait that ran past its time limit."""

    remedy = Remedy.TIMEOUT


class WorkersLost(CloudClustersError):
    """A computation that has no worker left to run on."""

    remedy = Remedy.WAIT


class StoreError(CloudClustersError):
    """The store cannot be read or written: disk full, file corrupt, a newer version."""


class UnreadableRecord(StoreError):
    """The record of one cluster is damaged, or a newer version wrote it; the others are not concerned."""


# Nodes and providers


class NodeError(CloudClustersError):
    """A node or its agent did not do what it was asked."""

    remedy = Remedy.WAIT


class NodeUnreachable(NodeError):
    """A node's agent does not answer."""


class ProviderError(CloudClustersError):
    """The provider refused or failed a call."""

    remedy = Remedy.WAIT


class NoCapacity(ProviderError):
    """The provider has none of these machines free here now; the core tries the plan's next fallback."""


class QuotaExceeded(ProviderError):
    """The account may not have more of these machines."""

    remedy = Remedy.FIX


class RequestRefused(ProviderError):
    """The provider does not know a name, or does not allow what was asked; trying again changes nothing."""

    remedy = Remedy.FIX


class Throttled(ProviderError):
    """Too many calls; the core waits and repeats."""


class CredentialsRefused(ProviderError):
    """The provider does not accept the credentials, or they do not allow this call."""

    remedy = Remedy.FIX


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached; nothing is known about the machines, and nothing is deleted."""


class InternalError(Exception):
    """A bug of ours. Outside the tree, so that no `except CloudClustersError` hides it."""
