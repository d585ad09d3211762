"""Everything that a test of the bed leaves for others to read: gathered as bytes with the place where they stand."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.network import BRIDGE
from cloudclusters.testing.bed.world import STATE

LARGEST = 4 << 20
"""Bytes of a file on a host that are read: logs, notes and programs of ours are smaller."""
PAUSE = 0.02
"""Seconds between two looks at all processes."""

_ALL, _PACKET, _ADD_MEMBERSHIP, _PROMISCUOUS, _BUFFER_FORCED = 3, 263, 1, 1, 33
"""As Linux numbers them: ETH_P_ALL, SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, SO_RCVBUFFORCE."""

Place = tuple[str, bytes]


class Watch:
    """Sees the arguments and environments of every process of this world while it is entered, hosts' among them."""

    def __init__(self) -> None:
        self._seen: set[tuple[bool, str, bytes]] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def places(self) -> Iterator[Place]:
        """What was seen; of hosts and of the driver's own children."""
        for on_host, kind, data in sorted(self._seen):
            yield f"{'host' if on_host else 'driver'}'s process: {kind}", data

    def _look(self) -> None:
        here = Path("/proc/self/ns/pid").readlink()
        while not self._over.wait(PAUSE):
            for folder in Path("/proc").glob("[0-9]*"):
                if folder.name == str(os.getpid()):
                    continue
                with contextlib.suppress(OSError):  # it may end meanwhile
                    on_host = (folder / "ns/pid").readlink() != here
                    self._seen |= {(on_host, kind, (folder / kind).read_bytes()) for kind in ("cmdline", "environ")}


class Wire:
    """Hears every packet on the bed's network while it is entered: between hosts, and between them and the client."""

    def __init__(self) -> None:
        self.packets = bytearray()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.bind((BRIDGE, 0))
        # A bridge shows what its links send each other only to who asks for all of it.
        everything = struct.pack("iHH8x", socket.if_nametoindex(BRIDGE), _PROMISCUOUS, 0)
        self._socket.setsockopt(_PACKET, _ADD_MEMBERSHIP, everything)
        self._socket.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCED, 64 << 20)
        self._socket.settimeout(PAUSE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._hear)

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _hear(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self.packets += self._socket.recv(1 << 17)


class Log(logging.Handler):
    """Keeps all that the driver logs, of every library but those of the cloud's own SDK."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        if not record.name.startswith(("boto", "urllib3", "werkzeug")):
            self.lines.append(self.format(record))


def calls(bed: Bed) -> Iterator[Place]:
    """Every parameter of every call of the cloud's interface."""
    for done in bed.calls.done:
        for name, value in done.call.parameters.items():
            yield f"call {done.call.action}: {name}", value.encode()


def consoles(bed: Bed) -> Iterator[Place]:
    """What the hosts printed at their boot, for everybody in the account."""
    for name in bed.hosts.names():
        yield "console", bed.hosts.console(name)


def disks(bed: Bed) -> Iterator[Place]:
    """Every file that came onto a host's disk since it was made, by its path there."""
    for name in bed.hosts.names():
        upper = STATE / name / "upper"
        for path in files(upper):
            with path.open("rb") as file:
                yield f"host's disk: /{path.relative_to(upper)}", file.read(LARGEST)


def home(folder: Path) -> Iterator[Place]:
    """What the driver keeps, the store's tables and its log among it."""
    for path in files(folder):
        yield f"driver's home: {path.relative_to(folder)}", path.read_bytes()


def files(folder: Path) -> Iterator[Path]:
    """Plain files below a folder."""
    for path in sorted(folder.rglob("*")):
        if stat.S_ISREG(path.lstat().st_mode):
            yield path
