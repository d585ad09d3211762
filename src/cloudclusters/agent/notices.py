"""Notices that the cloud will take the machine back: heard from its metadata service, told on, and acted on at once.

What to listen to stands in `notices.json`, which the driver writes: `metadata` (address of the service, empty is
none), `rebalance` (whether to give way already when that is only recommended) and `on_notice` (the path of the
user's script below the directory, empty is none). It is read anew at every look, so it outlives the agent.
"""

from __future__ import annotations

import json
import os
import time

from .metadata import Metadata
from .system import complain, new_life, read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node
    from .wire import Message

FILE = "notices.json"
INTERRUPTION, REBALANCE = "interruption", "rebalance"
KINDS = (INTERRUPTION, REBALANCE)
EVERY, SELDOM = 2.0, 20.0
"""Seconds between looks, and where no metadata service answers."""
SPARE = 10.0
"""Seconds before the machine goes in which its workers must have ended."""
LEAST = 2.0
"""Seconds that workers have to hand over their results, however short the notice."""


class Notices:
    """What one agent does about notices."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._service: Metadata | None = None
        self._known: set[tuple[str, str]] = set()
        self.latest: Message | None = None
        """The last notice, for those who come to watch later."""

    def go(self) -> None:
        """Look now, and again and again."""
        address = str(self._wish().get("metadata") or "")
        if not address:
            self._node.loop.later(EVERY, self.go)
            return
        if self._service is None or self._service.address != address:
            self._service = Metadata(self._node.loop, address)
        self._service.ask("spot/instance-action", self._on_action)

    def _on_action(self, status: int, text: str) -> None:
        if status == 200:
            said = _object(text)
            self._heard(INTERRUPTION, str(said.get("action") or "terminate"), str(said.get("time") or ""))
        if status and self._service is not None:
            self._service.ask("events/recommendations/rebalance", self._on_rebalance)
        else:
            self._node.loop.later(SELDOM, self.go)

    def _on_rebalance(self, status: int, text: str) -> None:
        if status == 200:
            self._heard(REBALANCE, "", str(_object(text).get("noticeTime") or ""))
        self._node.loop.later(EVERY, self.go)

    def _heard(self, kind: str, action: str, when: str) -> None:
        """The service says the same at every look: it counts once."""
        if (kind, when) not in self._known:
            self._known.add((kind, when))
            self.came(kind, action, _seconds(when))

    def came(self, kind: str, action: str, at: float) -> None:
        """Deal with a notice: tell who watches, let the workers hand over, run the user's script."""
        self.latest = {"kind": kind, "action": action, "at": at, "node": self._node.name}
        self._node.announce({"notice": self.latest})
        wish = self._wish()
        if kind == INTERRUPTION or wish.get("rebalance") is True:
            grace = max(LEAST, at - time.time() - SPARE) if kind == INTERRUPTION else 120.0
            for process in self._node.workers():
                process.retire(grace)
        if wish.get("on_notice"):
            self._run(str(wish["on_notice"]), self.latest)

    def _run(self, path: str, notice: Message) -> None:
        """Run the user's script; what it prints is in the log `on_notice`."""
        life, name = new_life(), "on_notice"
        env = {f"CLOUDCLUSTERS_NOTICE_{key.upper()}": str(value) for key, value in notice.items()}
        try:
            log = self._node.logs.open(name, life)
        except OSError as exc:
            complain(f"no log for {name}: {exc}")
            return
        try:
            whole = os.path.join(self._node.directory, path)
            self._node.spawn(life, [whole], env, self._node.directory, (self._node.null, log, log))
        except OSError as exc:
            self._node.logs.note(name, life, f"not started: {exc}")
        finally:
            os.close(log)

    def _wish(self) -> Message:
        return _object(read_file(os.path.join(self._node.directory, FILE)) or "{}")


def _object(text: str) -> Message:
    """A JSON object; what is none is an empty one, with a word in our own log."""
    try:
        value = json.loads(text)
    except ValueError as exc:
        complain(f"not understood: {exc}: {text:.200}")
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(when: str) -> float:
    """The time that `2026-01-02T03:04:05Z` means, in seconds since the epoch; now, when it is another form."""
    import calendar

    try:
        return float(calendar.timegm(time.strptime(when, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return time.time()
