"""The search for secrets finds what is hidden in every form, and takes no public half for a secret."""

from __future__ import annotations

import base64
import json
import secrets
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.security.searching import cores, forms, is_private, search

from cloudclusters.engine.dask.tls import make_keys
from cloudclusters.remote.ssh import make_key

SSH = make_key("comment")
TLS = make_keys()
SECRETS = {
    "ssh": SSH.private.encode(),
    "tls": TLS["key.pem"],
    "word": b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEX",
    "raw": bytes(range(200, 232)),
}


@pytest.mark.parametrize("name", SECRETS)
@settings(max_examples=20)
@given(before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_every_form_of_a_secret_is_found(name: str, before: bytes, after: bytes) -> None:
    """Alone and in the middle of other bytes, encoded with them or not."""
    (core,) = cores(SECRETS[name])[:1]
    written = [core, core.hex().encode(), core.hex().upper().encode(), *forms(core).values()]
    written += [base64.b64encode(before + core + after), base64.urlsafe_b64encode(before + core + after)]
    for text in written:
        assert {find.secret for find in search(SECRETS, [("there", before + text + after)])} == {name}


@pytest.mark.parametrize("name", ["ssh", "tls"])
def test_a_key_file_is_found_however_it_is_copied(name: str) -> None:
    """Whole, as a string of JSON, in base64, without its frame, in lines of another length."""
    content = SECRETS[name].decode()
    body = "".join(content.splitlines()[1:-1])
    copies = [content, json.dumps(content), base64.b64encode(content.encode()).decode(), body]
    copies += ["\n".join(textwrap.wrap(body, width)) for width in (64, 70, 76)]
    copies += [json.dumps({"user-data": base64.b64encode(content.encode()).decode()})]
    for number, copy in enumerate(copies):
        assert {find.secret for find in search(SECRETS, [("there", copy.encode())])} == {name}, number


def test_public_halves_are_no_secrets() -> None:
    """They are in user-data, in certificates and in known_hosts, as they must be."""
    public = [
        ("line", SSH.public.encode()),
        ("ca", TLS["ca.pem"]),
        ("cert", TLS["cert.pem"]),
        ("other", make_key().private.encode()),
    ]
    assert not search(SECRETS, public)
    assert not any(is_private(data) for name, data in public if name != "other")
    assert all(map(is_private, SECRETS.values()))


def test_a_secret_in_hex_or_base64_is_also_what_it_says() -> None:
    """A file may hold the text, and a message the bytes."""
    key = secrets.token_bytes(32)
    for text in (key.hex().encode(), base64.b64encode(key)):
        assert [find.secret for find in search({"message": text + b"\n"}, [("datagram", b"x" + key + b"x")])] == [
            "message"
        ]
