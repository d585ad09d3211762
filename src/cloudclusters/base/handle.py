"""Handles: how contracts and clusters are named when the user does not name them."""

from __future__ import annotations

import re
import string

LENGTH = 15
_PATTERN = re.compile(rf"[A-Za-z]{{{LENGTH}}}\Z")


def new_handle() -> str:
    """Make a handle: 15 random ASCII letters (85 bits)."""
    import secrets  # brings hashlib and OpenSSL: not for who only looks

    return "".join(secrets.choice(string.ascii_letters) for _ in range(LENGTH))


def is_handle(text: str) -> bool:
    """Whether `text` has the form of a handle."""
    return _PATTERN.match(text) is not None
