"""Finding secrets in bytes, in whatever form a program may have written them: pure.

Only the secret half of a key counts: its public half may be anywhere. Of each written form both ends are looked for,
because a line break may stand in the middle.
"""

from __future__ import annotations

import base64
import binascii
import functools
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

SHORTEST = 16
"""Bytes of a secret: what is shorter is found by chance."""


@dataclass(frozen=True, slots=True)
class Find:
    """A secret that stands where it may not."""

    secret: str
    form: str
    place: str


def is_private(content: bytes) -> bool:
    """Whether the content of a file is anything but what everybody may know of keys."""
    text = content.strip()
    public = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN PUBLIC KEY-----", b"ssh-ed25519 ", b"ecdsa-sha2-")
    return bool(text) and not text.startswith(public)


@functools.cache
def cores(content: bytes) -> list[bytes]:
    """What makes a secret one: a key's private number, and its characters in the file; else the text, decoded too."""
    number = _number(content)
    if number:
        return [number, *_written(number, content)]
    text = content.strip()
    found = [text, _decoded(binascii.unhexlify, text), _decoded(lambda t: base64.b64decode(t, validate=True), text)]
    return [core for core in dict.fromkeys(found) if len(core) >= SHORTEST]


def forms(core: bytes) -> dict[str, bytes]:
    """Every way in which these bytes may be written."""
    made = {"plain": core, "hex": core.hex().encode(), "HEX": core.hex().upper().encode()}
    made["quoted"] = urllib.parse.quote(core, safe="").encode()
    made["escaped"] = core.decode("latin-1").encode("unicode_escape")
    for shift, text in enumerate(_base64(core)):
        made[f"base64 at {shift}"] = text
        made[f"base64url at {shift}"] = text.translate(bytes.maketrans(b"+/", b"-_"))
    return made


def ends(form: bytes) -> set[bytes]:
    """Both halves of a written form."""
    half = (len(form) + 1) // 2
    return {form[:half], form[-half:]}


def needles(secrets: Mapping[str, bytes]) -> list[tuple[str, str, bytes]]:
    """What to look for: the secret's name, the form, the bytes."""
    found: dict[tuple[str, bytes], str] = {}
    for name, content in secrets.items():
        for form, written in ((form, written) for core in cores(content) for form, written in forms(core).items()):
            for end in ends(written):
                found.setdefault((name, end), form)
    return [(name, form, end) for (name, end), form in found.items()]


def search(secrets: Mapping[str, bytes], places: Iterable[tuple[str, bytes]]) -> list[Find]:
    """Where these secrets (files' contents by name) stand in these bytes (by place)."""
    wanted = needles(secrets)
    return sorted(set(_hits(wanted, places)), key=lambda find: (find.secret, find.place, find.form))


def _hits(wanted: Sequence[tuple[str, str, bytes]], places: Iterable[tuple[str, bytes]]) -> Iterator[Find]:
    for place, data in places:
        for name, form, end in wanted:
            if end in data:
                yield Find(name, form, place)


def _number(content: bytes) -> bytes:
    """The secret number of a private key in PEM form; empty for anything else."""
    if b"PRIVATE KEY-----" not in content:
        return b""
    load = serialization.load_ssh_private_key if b"OPENSSH PRIVATE" in content else (serialization.load_pem_private_key)
    key = load(content, password=None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.private_bytes_raw()
    assert isinstance(key, ec.EllipticCurvePrivateKey), f"a kind of key that this search does not know: {type(key)}"
    return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")


def _written(number: bytes, content: bytes) -> list[bytes]:
    """The characters of a PEM file that stand for the number, line by line, for who encodes the file once more."""
    lines = [line for line in content.strip().splitlines() if not line.startswith(b"-----")]
    body = b"".join(lines)
    (at, size), *_ = [(body.find(text), len(text)) for text in _base64(number) if text in body]
    found, start = [], 0
    for line in lines:
        found.append(line[max(0, at - start) : max(0, at + size - start)])
        start += len(line)
    return [part for part in found if len(part) >= SHORTEST]


def _base64(core: bytes) -> list[bytes]:
    """These bytes in base64, for each place that they may have among others: without what depends on the others."""
    return [base64.b64encode(bytes(shift) + core)[shift and 4 : -4] for shift in range(3)]


def _decoded(decode: Callable[[bytes], bytes], text: bytes) -> bytes:
    try:
        return decode(text)
    except (ValueError, binascii.Error):
        return b""
