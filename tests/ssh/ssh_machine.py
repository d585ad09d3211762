"""A real sshd on a loopback address, with keys and a configuration of its own, as whoever runs the tests."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.remote.ssh import KeyPair, make_key, save_key

PROGRAM = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


class Sshd:
    """One daemon; `host_key` is what it shows now."""

    def __init__(self, folder: Path, client: KeyPair, *, address: str = "127.0.0.1", more: str = "") -> None:
        folder.mkdir(parents=True)
        self.folder, self.address = folder, address
        self.port = free_port(address)
        self.key_path = folder / "host_key"
        self.host_key = make_key()
        save_key(self.host_key, self.key_path)
        self.authorized = folder / "authorized_keys"
        self.authorized.write_text(client.public + "\n")
        self.authorized.chmod(0o600)
        self.home = folder / "home"
        self.home.mkdir()
        self.config = folder / "sshd_config"
        self.config.write_text(
            f"ListenAddress {address}:{self.port}\nHostKey {self.key_path}\nAuthorizedKeysFile {self.authorized}\n"
            f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"MaxSessions 500\nMaxStartups 500\nLogLevel ERROR\nSetEnv HOME={self.home}\n{more}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> SshEndpoint:
        """Where it answers."""
        return SshEndpoint(self.address, self.port, getpass.getuser())

    def start(self) -> Sshd:
        """Start it; returns when it listens."""
        assert PROGRAM is not None
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = (self.folder / "sshd.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [PROGRAM, "-D", "-e", "-f", str(self.config)], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 10
        while not self.listens():
            assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return self

    def listens(self) -> bool:
        """Whether somebody takes connections at the port."""
        with socket.socket() as talk:
            return talk.connect_ex((self.address, self.port)) == 0

    def sessions(self) -> list[int]:
        """The daemon's processes that serve connections."""
        assert self.process is not None
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], stdout=subprocess.PIPE, text=True, check=False
        )
        return [int(word) for word in found.stdout.split()]

    def cut(self) -> None:
        """End every connection, as a network that breaks with a reset would; the daemon goes on."""
        for os_pid in self.sessions():
            kill_tree(os_pid)

    def stop(self) -> None:
        """End the daemon and all its connections."""
        if self.process is not None:
            self.cut()
            self.process.kill()
            self.process.wait()
            self.process = None


def children(os_pid: int) -> list[tuple[int, str]]:
    """The children of a process, with their names."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal():
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                if int(rest.split()[1]) == os_pid:
                    found.append((int(entry.name), name))
    return found


def kill_tree(os_pid: int) -> None:
    """Kill a process and the sshd processes below it, but nothing that made a session of its own."""
    for child, name in children(os_pid):
        if name.startswith("sshd"):
            kill_tree(child)
    try:
        os.kill(os_pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port(address: str) -> int:
    """A port that nobody uses now."""
    with socket.socket() as talk:
        talk.bind((address, 0))
        return int(talk.getsockname()[1])
