"""Datagrams between the agents of a cluster: a member tells the head of its use, the head lets it go on.

Each is signed with the cluster's message key, and counts only when it answers a number that its reader chose: whoever
repeats one that was heard before is not believed.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .node import Node
    from .wire import Message

LONGEST = 1400
"""Bytes of a datagram, below what networks take in one piece."""


def sealed(key: bytes, said: Message) -> bytes:
    """A message with its signature."""
    import hashlib
    import hmac

    text = json.dumps(said, separators=(",", ":")).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode() + b" " + text


def opened(key: bytes, data: bytes) -> Message | None:
    """The message in a datagram; None when its signature is not of this key."""
    import hashlib
    import hmac

    signature, _, text = data.partition(b" ")
    if not hmac.compare_digest(signature, hmac.new(key, text, hashlib.sha256).hexdigest().encode()):
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def new_number() -> str:
    """One that nobody can guess and that never comes again."""
    return os.urandom(16).hex()


class Known:
    """What the head knows of a member."""

    def __init__(self) -> None:
        self.number = new_number()
        """What its next message must answer."""
        self.theirs, self.address = "", ("", 0)
        self.heard = self.used = float("-inf")
        """When it was last heard, and in use, by our monotonic clock."""
        self.busy = False


class Head:
    """The head's ear: it hears the members, and lets them go on for as long as `share` says."""

    def __init__(self, node: Node, address: str, port: int, key: bytes, share: Callable[[], float]) -> None:
        """Raises OSError when the address or the port cannot be had."""
        self._node, self._key, self._share = node, key, share
        self.members: dict[str, Known] = {}
        self._socket = _open(node, self._on_packet)
        try:
            self._socket.bind((address, port))
        except OSError:
            self.close()
            raise
        self.port = int(self._socket.getsockname()[1])

    def _on_packet(self, _events: int) -> None:
        data, address = _received(self._socket)
        said = opened(self._key, data)
        if said is None or said.get("from") != "member":
            return
        name = str(said.get("node"))
        member = self.members.setdefault(name, Known())
        proven = said.get("echo") == member.number
        if proven:
            now, idle = time.monotonic(), said.get("idle_for")
            member.number, member.theirs, member.address = new_number(), str(said.get("number")), address
            member.heard, member.busy = now, bool(said.get("busy"))
            if isinstance(idle, (int, float)):
                member.used = max(member.used, now - max(0.0, idle))
        self._send(name, member, str(said.get("number")), address, proven)

    def dismiss(self) -> None:
        """Tell every member that was heard that the permission is over."""
        for name, member in self.members.items():
            if member.theirs:
                self._send(name, member, member.theirs, member.address, True)

    def _send(self, name: str, member: Known, echo: str, address: tuple[str, int], proven: bool) -> None:
        said = {"from": "head", "node": name, "number": member.number, "echo": echo, "proven": proven}
        _sent(self._socket, sealed(self._key, {**said, "seconds": self._share() if proven else 0}), address)

    def close(self) -> None:
        """Hear no more."""
        _close(self._node, self._socket)


class Member:
    """A member's voice: it tells the head of its use, and hears for how long it may go on."""

    def __init__(
        self, node: Node, name: str, address: tuple[str, int], key: bytes, granted: Callable[[float], None]
    ) -> None:
        self._node, self._name, self._address, self._key, self._granted = node, name, address, key, granted
        self._number, self._theirs = "", ""
        self._said: Message = {}
        self._tries = 0
        self._socket = _open(node, self._on_packet)

    def tell(self, idle_for: float, busy: bool) -> None:
        """Say that we live, and since when nobody uses us."""
        self._said, self._tries = {"idle_for": idle_for, "busy": busy}, 0
        self._send()

    def _send(self) -> None:
        self._tries += 1
        self._number = new_number()
        said = {"from": "member", "node": self._name, "number": self._number, "echo": self._theirs, **self._said}
        try:
            self._socket.connect(self._address)  # so that it is open to nobody but the head, at no other address
        except OSError:  # no way leads there now
            return
        _sent(self._socket, sealed(self._key, said), None)

    def _on_packet(self, _events: int) -> None:
        said = opened(self._key, _received(self._socket)[0])
        if said is None or said.get("from") != "head" or said.get("node") != self._name:
            return
        if said.get("echo") != self._number:  # to an earlier one of ours, or a repetition
            return
        self._theirs = str(said.get("number"))
        seconds = said.get("seconds")
        if said.get("proven") is True and isinstance(seconds, (int, float)):
            self._granted(seconds)
        elif self._tries < 2:  # now we know its number
            self._send()

    def close(self) -> None:
        """Say no more."""
        _close(self._node, self._socket)


def _open(node: Node, act: Callable[[int], None]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    node.loop.watch(made.fileno(), selectors.EVENT_READ, act)
    return made


def _close(node: Node, made: socket.socket) -> None:
    node.loop.watch(made.fileno(), 0, lambda _: None)
    made.close()


def _received(on: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """What came; nothing when that was only the news that nobody listens there."""
    try:
        return on.recvfrom(LONGEST)
    except OSError:
        return b"", ("", 0)


def _sent(on: socket.socket, data: bytes, address: tuple[str, int] | None) -> None:
    """Send, without an address to whom we are connected; what cannot be sent now is as good as lost on the way."""
    try:
        if address is None:
            on.send(data)
        else:
            on.sendto(data, address)
    except OSError:
        return
