"""What the driver keeps is its user's alone, whatever the umask that he works under."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.security.evidence import files

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.lifecycle import keys
from cloudclusters.remote.ssh import Access, KnownHosts, make_key
from cloudclusters.remote.ssh.config import write_ssh_config


@pytest.fixture
def open_umask() -> Iterator[None]:
    """New files and folders are everybody's, if nobody takes care."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Who may do what with it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_private_under_an_open_umask(tmp_path: Path, open_umask: None) -> None:
    """Private halves, public halves that we trust, pinned host keys, and the file for plain `ssh`."""
    home, cluster = tmp_path / "home", "AAAAAAAAAAAAAAA"
    home.mkdir(mode=0o777)
    place = keys.folder(home, cluster)
    keys.client_key(home, cluster)
    keys.first_key(home, cluster, "token")
    keys.write(home, cluster, {"key.pem": b"secret"})
    access = Access(key_file=str(place / keys.CLIENT), known_hosts=str(place / keys.KNOWN_HOSTS))
    KnownHosts(place / keys.KNOWN_HOSTS).pin("node0", make_key().public)
    write_ssh_config(place / keys.SSH_CONFIG, cluster, {"node0": SshEndpoint(host="192.0.2.1")}, access)

    assert {mode(place), mode(place.parent)} == {0o700}
    found = {path.name: mode(path) for path in files(place)}
    assert len(found) >= 8
    assert set(found.values()) == {0o600}, found


@pytest.mark.slow
def test_all_that_we_keep_is_private_under_an_open_umask(tmp_path: Path) -> None:
    """Store, keys, logs and the folders of local nodes, with the driver and its agent under umask 000."""
    home = tmp_path / "home"
    code = (
        "import os; os.umask(0); import cloudclusters as cc; "
        "c = cc.deploy(cc.cluster(node_provider='local', node_count=1), resolve=True); "
        "print(c.get_client().submit(sum, [1, 2]).result(), flush=True); input(); cc.terminate(c)"
    )
    env = {**os.environ, "CLOUDCLUSTERS_HOME": str(home)}
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "3\n"
        seen = modes(home)
        driver.communicate("\n", timeout=60)
    seen |= modes(home)
    assert {path.name for path in seen} >= {"home", "store.sqlite", "key.pem", "agent.sock", "node.json", "logs"}
    assert not {str(path): oct(bits) for path, bits in seen.items() if bits & 0o077}


def modes(home: Path) -> dict[Path, int]:
    """Of the home and all that is in it now."""
    found = {}
    for path in (home, *home.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a worker's own, gone meanwhile
            found[path] = stat.S_IMODE(path.lstat().st_mode)
    return found
