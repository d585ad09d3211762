"""Hosts as namespaces: network, processes, mounts and name of their own, over one shared root image.

A host's disk is the upper layer of an overlay and stays as long as the host is not removed. Its first process is a
shell script; when that ends, the kernel ends everything else in it.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cloudclusters.testing.bed.host import Admission, BedError, HostSpec
from cloudclusters.testing.bed.network import GATEWAY, Network, firewall, run
from cloudclusters.testing.bed.user_data import first_boot

_HERE = Path(__file__).parent
_RESTART = 5
"""What the first process ends with when the host is to boot again."""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    init: int
    link: str
    public: str | None
    quiet: bool = False
    """Its end is wanted, so nobody is told."""
    watcher: threading.Thread | None = None


@dataclass(slots=True)
class _Host:
    spec: HostSpec
    folder: Path
    admissions: Sequence[Admission] = ()
    running: _Running | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


class NamespaceHosts:
    """A `HostDriver` that needs root and a private world, and no container engine."""

    def __init__(self, network: Network, image: Path, folder: Path) -> None:
        self._network, self._image, self._folder = network, image, folder
        self._hosts: dict[str, _Host] = {}

    def create(self, spec: HostSpec) -> None:
        """Give the host an empty disk and what it boots from."""
        folder = self._folder / spec.name
        for name in ("upper", "work", "root", "seed/connect"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        boot = first_boot(spec.user_data, user=spec.user)
        early, late = boot.scripts()
        seed = {
            "boot": (_HERE / "host_boot.sh").read_bytes(),
            "prepare": (_HERE / "host_prepare.sh").read_bytes(),
            "early": early,
            "late": late,
            "user-data": spec.user_data,
            "user": f"{spec.user}\n".encode(),
            "hostname": f"{spec.hostname}\n".encode(),
            "authorized_keys": "".join(f"{key.strip()}\n" for key in spec.authorized_keys).encode(),
        }
        for name, data in seed.items():
            path = folder / "seed" / name
            path.touch(mode=0o600)
            path.write_bytes(data)
        self._network.reach(spec.address)
        self._hosts[spec.name] = _Host(spec, folder)

    def start(self, name: str, *, public: str | None, delay: float, ended: Callable[[], None]) -> None:
        """Boot it; SSH answers after the delay at the earliest."""
        host = self._find(name)
        with host.lock:
            if host.running is not None:
                raise BedError(f"{name} runs already")
            (host.folder / "seed/delay").write_text(f"{delay}\n")
            process = self._spawn(host)
            init = _only_child(process.pid)
            # Before its boot goes on, and not by its boot: what is admitted while it boots would else be overwritten.
            _set_firewall(init, host.admissions)
            link = self._network.attach(init, host.spec.address)
            if public is not None:
                self._network.translate(public, host.spec.address)
            running = host.running = _Running(process, init, link, public)
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.close()
            running.watcher = threading.Thread(target=self._watch, args=(host, running, delay, ended), daemon=True)
            running.watcher.start()

    def stop(self, name: str) -> None:
        """Shut it down in order; what does not end within five seconds is killed."""
        self._end(name, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """End it at once."""
        self._end(name, signal.SIGKILL)

    def remove(self, name: str) -> None:
        """End it and delete its disk."""
        if name in self._hosts:
            self.kill(name)
            host = self._hosts.pop(name)
            shutil.rmtree(host.folder)

    def admit(self, name: str, admissions: Sequence[Admission]) -> None:
        """Open exactly these ports, now and at every later start; silent about what is gone."""
        host = self._hosts.get(name)
        if host is None:
            return
        with host.lock:
            if list(host.admissions) == list(admissions):
                return
            host.admissions = tuple(admissions)
            running = host.running
            if running is None:
                return
            try:
                _set_firewall(running.init, admissions)
            except BedError:
                # One that ends right now has no firewall to set any more.
                if _state(running.init) not in "ZX":
                    raise

    def let_in(self, name: str, *, user: str, key: str, seconds: float) -> None:
        """Let sshd know the key until then; it keeps the time itself, in whole seconds, rounded up."""
        folder = self._find(name).folder / "seed/connect"
        until = datetime.fromtimestamp(math.ceil(time.time() + seconds), UTC).strftime("%Y%m%d%H%M%S")
        with (folder / user).open("a", encoding="utf-8") as file:
            file.write(f'expiry-time="{until}" {key}\n')

    def freeze(self, name: str) -> None:
        """Stop every process of the host."""
        waiting, init = threading.Event(), self._live(name).init
        # Again and again, for what was forked in between, until the kernel has stopped each.
        for _ in range(500):
            moving = [process for process in _members(init) if _state(process) not in "TtZX"]
            if not moving:
                return
            for process in moving:
                _kill(process, signal.SIGSTOP)
            waiting.wait(0.005)
        raise BedError(f"processes of {name} go on in spite of SIGSTOP: {moving}")

    def thaw(self, name: str) -> None:
        """Let every process of the host go on."""
        for process in _members(self._live(name).init):
            _kill(process, signal.SIGCONT)

    def partition(self, name: str) -> None:
        """Take its link down."""
        self._network.set_link(self._live(name).link, up=False)

    def heal(self, name: str) -> None:
        """Take its link up again."""
        self._network.set_link(self._live(name).link, up=True)

    def console(self, name: str) -> bytes:
        """What it has written to its console since it was created."""
        path = self._find(name).folder / "console"
        return path.read_bytes() if path.is_file() else b""

    def enter(self, name: str) -> Sequence[str]:
        """The words before a command that let it run in the host's namespaces."""
        return ("nsenter", "--all", "--target", str(self._live(name).init))

    def names(self) -> Sequence[str]:
        """Hosts that exist, running or stopped."""
        return tuple(self._hosts)

    def process_ids(self) -> Sequence[int]:
        """Processes of all hosts, as this world numbers them."""
        inits = [host.running.init for host in list(self._hosts.values()) if host.running is not None]
        return [process for init in inits for process in _members(init)]

    def _spawn(self, host: _Host) -> subprocess.Popen[bytes]:
        spec = host.spec
        namespaces = ("unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child")
        script = ("sh", str(_HERE / "host_init.sh"), str(host.folder), str(self._image), spec.address, GATEWAY)
        with (host.folder / "console").open("ab") as console:
            return subprocess.Popen(
                [*namespaces, *script, *map(str, spec.shared)],
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
            )

    def _watch(self, host: _Host, running: _Running, delay: float, ended: Callable[[], None]) -> None:
        """Wait for the host's end, tidy its network, and tell, or boot again, if nobody asked for it."""
        code = running.process.wait()
        self._network.detach(running.link)
        if running.public is not None:
            self._network.forget(running.public, host.spec.address)
        with host.lock:
            # Whoever wants its end from here on finds none that runs, or the next.
            host.running = None
            again = code == _RESTART and not running.quiet
            if again:
                self.start(host.spec.name, public=running.public, delay=delay, ended=ended)
        if not running.quiet and not again:
            ended()

    def _end(self, name: str, number: signal.Signals) -> None:
        host = self._hosts.get(name)
        if host is None:
            return
        with host.lock:
            running = host.running
            if running is None:
                return
            running.quiet = True
            # Again and again: early in its boot the first process has no ear for it yet.
            for _ in range(50):
                if _has_ended(running, number):
                    break
            else:
                running.process.kill()
        # Not under the lock, which the watcher takes.
        if running.watcher is not None:
            running.watcher.join()

    def _live(self, name: str) -> _Running:
        running = self._find(name).running
        if running is None:
            raise BedError(f"{name} does not run")
        return running

    def _find(self, name: str) -> _Host:
        if name not in self._hosts:
            raise BedError(f"there is no host {name}")
        return self._hosts[name]


def _set_firewall(init: int, admissions: Sequence[Admission]) -> None:
    """Give the host with this first process the rules for what is admitted."""
    run("nsenter", "-t", str(init), "--net", "iptables-restore", text=firewall(admissions))


def _has_ended(running: _Running, number: signal.Signals) -> bool:
    """Send a signal to the host's first process, and see a tenth of a second long whether it ends."""
    _kill(running.init, number)
    try:
        running.process.wait(0.1)
    except subprocess.TimeoutExpired:
        return False
    return True


def _only_child(parent: int) -> int:
    """The process that a freshly started `unshare` has forked, once it is there."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    waiting = threading.Event()
    for _ in range(5000):
        found = path.read_text().split() if path.exists() else []
        if found:
            return int(found[0])
        waiting.wait(0.002)
    raise BedError("a host's first process did not start")


def _members(init: int) -> list[int]:
    """Processes in the namespace whose first process is `init`."""
    found = []
    try:
        space = Path(f"/proc/{init}/ns/pid").readlink()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if (path / "ns/pid").readlink() == space:
                    found.append(int(path.name))
            except FileNotFoundError:
                continue
    except FileNotFoundError:
        return []
    return found


def _state(process: int) -> str:
    """The letter that the kernel has for what a process does; X for one that is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def _kill(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
