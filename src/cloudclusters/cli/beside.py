"""What stays beside the machines of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudclusters.base.remains import what_is_kept, what_is_left

if TYPE_CHECKING:
    from cloudclusters.store.record import ClusterRecord


def beside(record: ClusterRecord) -> str:
    """What is left of a cluster that was ended, or of nodes that left one, or is kept of one that was stopped.

    In a sentence; empty where there is nothing to tell.
    """
    match record.state.value:
        case "terminated":
            return what_is_left(record.remains)
        case "interrupted":
            return what_is_kept(record.remains)
    return what_is_left(record.left_behind) if record.left_behind else ""
