"""Disk room: where a provider sizes the root disk, a lower bound of `storage_size` needs no disks of the type's own.

Whether it does is a fact about the provider, not about the type: it holds for all that a cloud sells, and so it is
no column of the catalog. `storage_type` still speaks of the disks that come with a type: who asks for one that no root
disk can be gets none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.vocabulary import Constraint, Range, contains, taxonomy

SIZE = "storage_size"
KIND = "storage_type"
_REMOTE = "remote-only"
"""What a root disk is: a volume on the provider's network."""


def root_disk(assumptions: Mapping[str, Constraint]) -> int | None:
    """The root disk, in bytes, that would do for these assumptions; None where none would, or none is asked for."""
    size, kind = assumptions.get(SIZE), assumptions.get(KIND)
    if not isinstance(size, Range) or not size.low:
        return None
    if kind is not None and not contains(kind, _REMOTE, taxonomy(KIND)):
        return None
    return math.ceil(size.low)


def stands_in(assumptions: Mapping[str, Constraint], facts: ProviderFacts | None) -> bool:
    """Whether a provider's root disk can be what these assumptions ask for."""
    wanted = root_disk(assumptions)
    return facts is not None and wanted is not None and wanted <= facts.root_disk_bytes


def lacking(assumptions: Mapping[str, Constraint], own_bytes: int | None) -> int | None:
    """The root disk that a type with disks of this size needs for a role that it fits; None where its own do."""
    size = assumptions.get(SIZE)
    if size is None or (own_bytes is not None and contains(size, own_bytes)):
        return None
    return root_disk(assumptions)
