"""The TLS material of a cluster: its own authority, and one certificate for all of its processes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509

from cloudclusters.engine.dask.tls import LIFETIME, make_keys


def context(folder: Path, keys: Mapping[str, bytes], *, server: bool) -> ssl.SSLContext:
    """Both sides show their certificate and check the other's, strictly."""
    folder.mkdir()
    for name, content in keys.items():
        (folder / name).write_bytes(content)
    purpose = ssl.Purpose.CLIENT_AUTH if server else ssl.Purpose.SERVER_AUTH
    made = ssl.create_default_context(purpose, cafile=str(folder / "ca.pem"))
    made.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    return made


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> bytes:
    """What the client reads after a handshake over a pair of sockets."""
    left, right = socket.socketpair()

    def serve() -> None:
        with right:
            try:
                with server.wrap_socket(right, server_side=True) as line:
                    line.sendall(b"welcome")
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with left, client.wrap_socket(left) as line:
            return line.recv(20)
    finally:
        thread.join()


def test_two_processes_of_a_cluster_trust_each_other(tmp_path: Path) -> None:
    """The certificate serves both roles, and passes the strict checks of newer Pythons."""
    keys = make_keys()

    said = shake_hands(context(tmp_path / "a", keys, server=False), context(tmp_path / "b", keys, server=True))

    assert said == b"welcome"


def test_another_cluster_is_not_trusted(tmp_path: Path) -> None:
    """Each cluster has an authority of its own."""
    client = context(tmp_path / "a", make_keys(), server=False)
    server = context(tmp_path / "b", make_keys(), server=True)

    with pytest.raises(ssl.SSLError):
        shake_hands(client, server)


def test_the_certificate_outlives_a_long_interrupt() -> None:
    """Nothing renews it, so it is valid for the whole life of any cluster."""
    certificate = x509.load_pem_x509_certificate(make_keys()["cert.pem"])

    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc >= LIFETIME
