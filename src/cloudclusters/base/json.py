"""One canonical form of JSON: sorted keys, no blanks, so that equal data have equal text and equal digests."""

from __future__ import annotations

import msgspec


def canonical(value: object) -> bytes:
    """The value as JSON that depends on nothing but its content; Structs and plain data are taken."""
    return msgspec.json.encode(value, order="sorted")


def digest(value: object) -> str:
    """The sha256 of the canonical JSON of a value, in hex."""
    import hashlib

    return hashlib.sha256(canonical(value)).hexdigest()
