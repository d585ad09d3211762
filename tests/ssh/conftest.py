"""Real sshd processes and keys of the tests' own."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ssh_machine import PROGRAM, Sshd
from ssh_site import Site

from cloudclusters.remote.ssh import Access, KeyPair, make_key, save_key


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without an SSH server these tests say so and are skipped."""
    here = Path(__file__).parent
    for item in items:
        if PROGRAM is None and here in item.path.parents and "start_sshd" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="no sshd is installed (openssh-server)"))


@pytest.fixture(scope="session")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KeyPair]:
    """The key of the client."""
    path = tmp_path_factory.mktemp("client") / "id"
    key = make_key("the tests")
    save_key(key, path)
    return path, key


StartSshd = Callable[..., Sshd]


@pytest.fixture
def start_sshd(tmp_path: Path, client_key: tuple[Path, KeyPair]) -> Iterator[StartSshd]:
    """Starts daemons, and ends them at the end."""
    started: list[Sshd] = []
    numbers = itertools.count()

    def start(**options: str) -> Sshd:
        sshd = Sshd(tmp_path / f"sshd{next(numbers)}", client_key[1], **options)
        started.append(sshd)
        return sshd.start()

    yield start
    for sshd in started:
        sshd.stop()


@pytest.fixture
def access(tmp_path: Path, client_key: tuple[Path, KeyPair]) -> Access:
    """How the tests enter."""
    return Access(key_file=str(client_key[0]), known_hosts=str(tmp_path / "known_hosts"), connect_timeout=5)


@pytest.fixture
def site(start_sshd: StartSshd, access: Access) -> Site:
    """One daemon."""
    return Site(start_sshd(), access)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """An agent's directory; whatever runs for it is killed at the end."""
    place = tmp_path / "node"
    yield place
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if (
                entry.name.isdecimal()
                and f"CLOUDCLUSTERS_INSTANCE={place}".encode() in (entry / "environ").read_bytes()
            ):
                os.kill(int(entry.name), signal.SIGKILL)
