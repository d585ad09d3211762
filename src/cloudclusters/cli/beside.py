"""What stays beside the machines of a cluster that was stopped or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudclusters.base.remains import what_is_kept, what_is_left

if TYPE_CHECKING:
    from cloudclusters.store.record import ClusterRecord


def beside(record: ClusterRecord) -> str:
    """What is left of a cluster that was ended, or kept of one that was stopped, in a sentence; empty of others."""
    match record.state.value:
        case "terminated":
            return what_is_left(record.remains)
        case "interrupted":
            return what_is_kept(record.remains)
    return ""
