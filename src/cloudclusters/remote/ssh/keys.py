"""Keys: one for the client of a cluster, one for the first minute of a machine, and their fingerprints."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import msgspec


class KeyPair(msgspec.Struct, frozen=True):
    """A key of SSH: `private` in OpenSSH's format, `public` as one line."""

    private: str
    public: str

    def __repr__(self) -> str:
        return f"KeyPair({fingerprint(self.public)})"


def make_key(comment: str = "") -> KeyPair:
    """A fresh ed25519 key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(private.decode(), f"{public.decode()} {comment}".strip())


def save_key(key: KeyPair, path: Path) -> None:
    """Write a key and, beside it, its public half; nobody else may read or change them. An existing key is refused."""
    public = path.with_name(path.name + ".pub")
    for each, text, more in ((path, key.private, os.O_EXCL), (public, f"{key.public}\n", os.O_TRUNC)):
        with os.fdopen(os.open(each, os.O_WRONLY | os.O_CREAT | more, 0o600), "w") as file:
            file.write(text)


def bare(public: str) -> str:
    """Algorithm and key of a public line, without its comment."""
    return " ".join(public.split()[:2])


def fingerprint(public: str) -> str:
    """As `ssh-keygen -l` prints it: `SHA256:…`."""
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
