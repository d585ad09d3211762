"""The limits by which a node lets go of itself: when the cluster was idle for so long, or its deadline has come.

The head decides for all: a member goes on while the head lets it. Who hears nothing goes by its own idleness. Idle
time is counted by a clock that never jumps, and the deadline is turned into one as soon as it is heard.
"""

from __future__ import annotations

import json
import os
import time

from .checks import Refused, a_number, a_text, an_object
from .datagram import Head, Member
from .files import inside, write_file
from .guard import is_of_this_boot, power_off, uptime, vouch
from .system import complain, read_file
from .use import Use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Timer
    from .node import Node
    from .wire import Message

FILE, MARK = "agent.limits", "agent.struck"
EVERY, UNTOLD, LEAST = 5.0, 3.0, 0.05
"""Seconds between two looks: at most, while no limits are known, and at least."""
SPARE = 3
"""Looks for which the head lets members go on at least, so that a lost datagram is no end."""
BOOTED = 600.0
"""Seconds, or five times a shorter idle limit, in which limits of an earlier boot do not strike: whoever started the
machine again is about to tell us others."""
GRACE = 5.0
"""Seconds that processes have to end by themselves when a limit strikes."""
_WORDS = ("idle_timeout", "deadline", "at_limit")


class Limits:
    """The limits of one node, and what it does about them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._use = Use(node)
        self._told: Message = {}
        self._ends: float | None = None
        """When the deadline comes, in seconds of this boot."""
        self._granted = float("-inf")
        """The cluster's last use by the head's word."""
        self._head: Head | None = None
        self._member: Member | None = None
        self._way: object = None
        """By what these two were opened."""
        self._timer: Timer | None = None
        self.struck = ""
        """Why it lets go; empty as long as it does not."""
        self._spared = 0.0
        """Until when, in seconds of this boot, nothing strikes."""

    def go(self) -> None:
        """Take up what an earlier agent was told, and look from now on."""
        try:
            self._told = _checked(an_object(json.loads(read_file(self._path) or "{}"), "a file of limits"))
        except (ValueError, Refused) as exc:
            complain(f"the limits cannot be read: {exc}")
        if self._told and not (self._node.is_machine and is_of_this_boot(self._node)):
            self._spared = uptime() + min(BOOTED, 5 * (BOOTED if self._idle is None else self._idle))
        self._begin()
        self._look()

    def touch(self) -> None:
        """The node is in use at this moment."""
        self._use.touch()

    def told(self, limits: Message) -> None:
        """Take new limits; that they are others counts as use. Raises Refused."""
        before, said = self._told, _checked(limits)
        inside(self._node.directory, str(said["secret"]))
        own, kept = an_object(said["head"], "head"), before.get("head")
        if own["port"] is None and isinstance(kept, dict) and kept["node"] == own["node"]:
            own["port"] = kept["port"]
        port = own["port"]
        self._save(said)  # first: what cannot be kept, as on a full disk, does not hold
        self._told, self._spared = said, 0.0
        if any(before.get(word) != said[word] for word in _WORDS):
            self.touch()
        self._begin(anew=True)
        if own["port"] != port:
            self._save(said)
        self._look()

    def answer(self) -> Message:
        """The limits, and how things stand."""
        busy = self._use.look()
        idle, left = self._idle, self._left()
        ago = self._ago()
        ways = [(idle - ago, "idle")] if idle is not None else []
        ways += [(left, "deadline")] if left is not None else []
        strikes, why = min(ways) if ways else (None, "")
        now = time.monotonic()
        members = self._head.members if self._head else {}
        heard = {name: {"heard": now - each.heard, "busy": each.busy} for name, each in members.items() if each.theirs}
        said = {"limits": self._told or None, "busy": busy, "idle_for": ago, "strikes_in": strikes, "why": why}
        return {**said, "port": self._head.port if self._head else None, "members": heard}

    @property
    def _path(self) -> str:
        return os.path.join(self._node.directory, FILE)

    @property
    def _idle(self) -> float | None:
        value = self._told.get("idle_timeout")
        return value if isinstance(value, (int, float)) else None

    @property
    def _pace(self) -> float:
        return max(LEAST, min(EVERY, EVERY if self._idle is None else self._idle / 4))

    def _save(self, limits: Message) -> None:
        write_file(self._path, json.dumps(limits).encode(), 0o600)

    def _begin(self, anew: bool = False) -> None:
        """Work out the deadline, and open the way to the others. `anew`: another port will do, the driver tells it."""
        deadline = self._told.get("deadline")
        self._ends = uptime() + deadline - time.time() if isinstance(deadline, (int, float)) else None
        head, key = self._told.get("head"), self._key()
        way = (head, self._told.get("node"), key)
        if not isinstance(head, dict) or not key or way == self._way:
            return
        self._granted = self._used()  # what is known of the others outlives the way to them
        for old in (self._head, self._member):
            if old is not None:
                old.close()
        self._head = self._member = None
        if head["node"] == self._told["node"]:
            self._listen(head, key, anew)
        elif head["port"] is not None:
            address = (str(head["address"]), int(head["port"]))
            self._member = Member(self._node, str(self._told["node"]), address, key, self._go_on)
        if self._head is not None or self._member is not None:
            self._way = (dict(head), self._told["node"], key)

    def _key(self) -> bytes:
        """The cluster's message key; nothing when there is none."""
        try:
            path = inside(self._node.directory, str(self._told.get("secret") or "none"))
        except Refused as exc:
            complain(str(exc))
            return b""
        return read_file(path).encode()

    def _listen(self, head: Message, key: bytes, anew: bool) -> None:
        wanted = int(str(head["port"] or 0))
        for port in (wanted, 0) if anew and wanted else (wanted,):
            try:
                self._head = Head(self._node, str(head["address"]), port, key, self._share)
            except (OSError, OverflowError) as exc:
                complain(f"no ear for the members at {head['address']}:{port}: {exc}")
            else:
                head["port"] = self._head.port
                return

    def _used(self) -> float:
        """The cluster's last use, as far as it is known here."""
        members = self._head.members.values() if self._head else ()
        return max([self._use.last, self._granted, *(each.used for each in members)])

    def _ago(self) -> float:
        return max(0.0, time.monotonic() - self._used())

    def _left(self) -> float | None:
        return None if self._ends is None else self._ends - uptime()

    def _share(self) -> float:
        """For how long a member may go on from now."""
        if self._idle is None or self.struck:
            return 0.0
        return max(self._idle - self._ago(), SPARE * self._pace)

    def _go_on(self, seconds: float) -> None:
        """The head lets us go on for so long."""
        if self._idle is not None:
            self._granted = time.monotonic() + seconds - self._idle
        self._check()

    def _look(self) -> None:
        """Look what is in use, let go when it is time, tell the head and the guard; and again a little later."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._look_around()
        finally:  # whatever fails: a node that looks no more never lets go
            if not self.struck:
                self._timer = self._node.loop.later(self._next(), self._look)

    def _look_around(self) -> None:
        busy = self._use.look()
        if self._check():
            return
        own = time.monotonic() - self._use.last
        if self._member is not None:
            self._member.tell(own, bool(busy))
        elif self._head is None:
            self._begin()  # its address may not have been ours yet: early in a boot
        if self._node.is_machine and uptime() >= self._spared:
            deadline = self._told.get("deadline")
            ends = deadline if isinstance(deadline, (int, float)) else None
            vouch(self._node, self._ago(), self._idle, ends, known=bool(self._told))

    def _next(self) -> float:
        """Seconds to the next look: the usual ones, or those to the next strike."""
        idle, left = self._idle, self._left()
        waits = [self._pace if self._told else UNTOLD]
        waits += [idle - self._ago()] if idle is not None else []
        waits += [left] if left is not None else []
        return max(LEAST, min(waits), min(self._pace, self._spared - uptime()))

    def _check(self) -> bool:
        """Let go if it is time; whether it is."""
        idle, left = self._idle, self._left()
        if not self.struck and not self._node.ending and uptime() >= self._spared:
            if idle is not None and self._ago() >= idle:
                self._strike(f"nobody used the cluster for {idle:g} s (idle_timeout)")
            elif left is not None and left <= 0:
                self._strike("its deadline has come (max_lifetime or max_cost)")
        return bool(self.struck)

    def _strike(self, why: str) -> None:
        """Let go: the others are told, processes end in order, then the machine goes, or the agent of a local node."""
        node = self._node
        self.struck = why
        complain(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} letting go: {why}")
        for process in node.processes.values():
            if process.life:
                node.logs.note(process.name, process.life, f"letting go: {why}")
        if self._head is not None:
            self._head.dismiss()
        if node.is_machine:
            node.end(GRACE, lambda: power_off(node))
            return
        node.end(GRACE)
        mark = {"at_limit": self._told.get("at_limit"), "why": why}
        write_file(os.path.join(node.directory, MARK), json.dumps(mark).encode(), 0o600)


def _checked(limits: Message) -> Message:
    """Limits with nothing missing and nothing odd; none at all are as they are. Raises Refused."""
    if not limits:
        return {}
    head = an_object(limits.get("head"), "head")
    at_limit = a_text(limits, "at_limit", "terminate")
    if at_limit not in ("terminate", "stop"):
        raise Refused("bad-request", f"at_limit is terminate or stop, not {at_limit!r:.60}")
    return {
        "idle_timeout": a_number(limits, "idle_timeout", 0.0) if limits.get("idle_timeout") is not None else None,
        "deadline": a_number(limits, "deadline", 0.0) if limits.get("deadline") is not None else None,
        "at_limit": at_limit,
        "head": {
            "address": a_text(head, "address"),
            "port": int(a_number(head, "port", 0)) if head.get("port") is not None else None,
            "node": a_text(head, "node"),
        },
        "node": a_text(limits, "node"),
        "secret": a_text(limits, "secret"),
    }
