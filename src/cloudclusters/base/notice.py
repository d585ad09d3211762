"""What a provider says of a machine before it takes it back."""

from __future__ import annotations

from dataclasses import dataclass

INTERRUPTION, REBALANCE = "interruption", "rebalance"
KINDS = (INTERRUPTION, REBALANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A node's machine will be taken back (`interruption`), or it is wise to leave it (`rebalance`).

    `action` is the provider's word for what happens to it, such as `terminate`; `at` when, in seconds since the epoch.
    """

    cluster: str
    node: str
    kind: str
    action: str
    at: float
