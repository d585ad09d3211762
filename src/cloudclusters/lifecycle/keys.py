"""A cluster's own key folder: its engine's secrets, and what opens its nodes; readable by this user alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from cloudclusters.remote.ssh.keys import KeyPair, make_key, save_key

CLIENT = "id_ed25519"
"""The key that opens the nodes of the cluster."""
MESSAGE = "message"
"""The secret by which the nodes' agents know each other's messages."""
KNOWN_HOSTS = "known_hosts"
SSH_CONFIG = "ssh_config"
_FIRST = "first-"
"""Before a launch's token: the one-time host key of its machines."""


def folder(home: Path, cluster: str) -> Path:
    """Where the secrets of a cluster are kept."""
    return home / "keys" / cluster


def _made(home: Path, cluster: str) -> Path:
    place = folder(home, cluster)
    for each in (place.parent, place):  # `parents` would make the first one by the umask alone
        each.mkdir(exist_ok=True, mode=0o700)
    return place


def write(home: Path, cluster: str, contents: Mapping[str, bytes]) -> None:
    """Keep these secrets (0600 in a folder of 0700), replacing what was there."""
    place = _made(home, cluster)
    for name, content in contents.items():
        part = place / f"{name}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        part.replace(place / name)


def paths(home: Path, cluster: str, names: tuple[str, ...]) -> dict[str, str]:
    """The path of each secret."""
    return {name: str(folder(home, cluster) / name) for name in names}


def read(home: Path, cluster: str, name: str) -> bytes:
    """One secret's content."""
    return (folder(home, cluster) / name).read_bytes()


def remove(home: Path, cluster: str) -> None:
    """Forget the secrets of a cluster; silent when there are none."""
    shutil.rmtree(folder(home, cluster), ignore_errors=True)


def client_key(home: Path, cluster: str) -> str:
    """The public line of the key that opens the nodes; made when there is none yet."""
    return _key(_made(home, cluster) / CLIENT, f"cloudclusters-{cluster}").public


def first_key(home: Path, cluster: str, token: str) -> KeyPair:
    """The one-time host key of a launch's machines; the same for the same token, as its first-boot text must be."""
    return _key(_made(home, cluster) / f"{_FIRST}{token}", "one-time")


def trusted_first(home: Path, cluster: str, token: str) -> str:
    """The public line of a launch's one-time host key; empty once it is trusted no more."""
    path = folder(home, cluster) / f"{_FIRST}{token}.pub"
    return path.read_text().strip() if path.is_file() else ""


def forget_first(home: Path, cluster: str, tokens: Collection[str]) -> None:
    """Trust the one-time host keys of these launches no more: every machine has shown its own."""
    for token in tokens:
        for name in (f"{_FIRST}{token}.pub", f"{_FIRST}{token}"):
            with contextlib.suppress(FileNotFoundError):
                (folder(home, cluster) / name).unlink()


def message_key(home: Path, cluster: str) -> bytes:
    """The secret that the agents of a cluster share; made when there is none yet."""
    if not (folder(home, cluster) / MESSAGE).is_file():
        write(home, cluster, {MESSAGE: secrets.token_hex(32).encode()})
    return read(home, cluster, MESSAGE)


def _key(path: Path, comment: str) -> KeyPair:
    public = path.with_name(path.name + ".pub")
    if public.is_file():  # written last, so the private half is there
        return KeyPair(path.read_text(), public.read_text().strip())
    path.unlink(missing_ok=True)
    made = make_key(comment)
    save_key(made, path)
    return made
