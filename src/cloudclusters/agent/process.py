"""A process that is kept alive: started, heard when it is ready, stopped, restarted."""

from __future__ import annotations

import collections
import json
import os
import selectors
import signal
import time

from .checks import a_number, a_text, an_argv, an_env
from .files import working_directory
from .spawn import READY_FD
from .strays import sweep
from .system import new_life, send_signal
from .wire import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Timer
    from .node import Node
    from .wire import Message

REPLACE_GRACE = 5.0
"""Seconds that a process has to end by itself when another one takes its place."""
SLOWEST_RESTART = 15.0
"""Seconds between the end of a life and the next one, at most."""


class Process:
    """A process that is kept alive: its present life, and what is wished of it (None: that it is not there)."""

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name
        self.wish: Message | None = None
        self.spec: Message = {}
        self.state, self.life, self.os_pid = "stopped", "", 0
        self.alive = False
        """The process runs, or what it left in its session is not gone yet."""
        self.leads = False
        """The process itself runs: its number means it and nobody else."""
        self.ready: object = None
        self.exit: Message | None = None
        self.started = 0.0
        self.restarts, self.rss_bytes = 0, 0
        self._why = ""
        self._recent: collections.deque[float] = collections.deque()
        self._timer: Timer | None = None
        self._pipe, self._line = -1, b""
        self._said_busy: bool | None = None

    @property
    def busy(self) -> bool:
        """It computes, by its own word; without one while it first starts, or as what is no scheduler and no worker."""
        if self._said_busy is None:
            waits = self.spec.get("kind") in ("scheduler", "worker")
            return self.alive and (not waits or (self.state == "starting" and not self.restarts))
        return self.alive and self._said_busy

    def as_message(self) -> Message:
        return {
            "name": self.name,
            "kind": self.spec.get("kind", "service"),
            "state": self.state,
            "life": self.life,
            "os_pid": self.os_pid or None,
            "started": self.started or None,
            "ready": self.ready,
            "exit": self.exit,
            "restarts": self.restarts,
            "rss_bytes": self.rss_bytes,
        }

    @property
    def settled(self) -> bool:
        """It is as wished, or something is in the way that time alone does not mend."""
        return not (self.alive and (self._why == "stopped" or self.spec != self.wish))

    def want(self, spec: Message) -> None:
        """See to it that the process runs with this specification."""
        self.wish = spec
        if self.alive and (self._why == "stopped" or self.spec != spec):
            self._end(REPLACE_GRACE)
        elif not self.alive and (self.state != "exited" or self._timer is None or self.spec != spec):
            self._fresh(spec)

    def stop(self, grace: float) -> None:
        """See to it that it does not run: SIGTERM, and after `grace` seconds SIGKILL."""
        self.wish = None
        if self.alive:
            self._end(grace)
        elif self.state != "stopped" and self.life:
            self._cancel_timer()
            self._become("stopped")

    def retire(self, grace: float) -> None:
        """Let it hand over its results and end by itself: SIGUSR1, and after `grace` seconds SIGKILL."""
        self.wish = None
        if not (self.alive and self.leads and self.state == "ready"):
            self.stop(REPLACE_GRACE)
            return
        self._why = "stopped"
        self._cancel_timer()
        pid = self.os_pid
        send_signal(pid, signal.SIGUSR1)
        self._timer = self.node.loop.later(grace, lambda: send_signal(pid, signal.SIGKILL, group=True))
        self._become("retiring")

    def kill(self, why: str, text: str) -> None:
        """End it at once; it is restarted as after any end."""
        self._why = self._why or why
        self.node.logs.note(self.name, self.life, text)
        if self.leads:
            send_signal(self.os_pid, signal.SIGKILL, group=True)

    def _end(self, grace: float) -> None:
        self._why = "stopped"
        self._cancel_timer()
        if self.leads:
            pid = self.os_pid
            send_signal(pid, signal.SIGTERM, group=True)
            self._timer = self.node.loop.later(grace, lambda: send_signal(pid, signal.SIGKILL, group=True))

    def _fresh(self, spec: Message) -> None:
        self._cancel_timer()
        self._recent.clear()
        self.spec, self.restarts, self.exit = spec, 0, None
        self._begin()

    def _begin(self) -> None:
        self._timer = None
        self.life, self.ready, self._why = new_life(), None, ""
        self.started = time.time()
        inside, theirs = -1, []
        try:
            inside, outside = os.pipe()
            theirs.append(outside)
            log = self.node.logs.open(self.name, self.life)
            theirs.append(log)
            self.os_pid = self._spawn((self.node.null, log, log, outside))
        except OSError as exc:
            if inside >= 0:
                os.close(inside)
            self.exit = {"code": None, "signal": None, "reason": "not-started", "text": str(exc)}
            self.node.logs.note(self.name, self.life, f"not started: {exc}")
            self._become("failed")
        else:
            self._pipe, self._line, self._said_busy = inside, b"", None
            self.alive = self.leads = True
            self.node.loop.watch(inside, selectors.EVENT_READ, self._on_pipe)
            self._become("starting")
        finally:
            for fd in theirs:
                os.close(fd)

    def _spawn(self, fds: tuple[int, ...]) -> int:
        argv = [self._filled(word) for word in an_argv(self.spec)]
        env = {name: self._filled(value) for name, value in an_env(self.spec).items()}
        env["CLOUDCLUSTERS_READY_FD"] = str(READY_FD)
        cwd = working_directory(self.node.directory, a_text(self.spec, "cwd", ""))
        return self.node.spawn(self.life, argv, env, cwd, fds)

    def _filled(self, text: str) -> str:
        return text.replace("{life}", self.life).replace("{directory}", self.node.directory)

    def _on_pipe(self, _events: int) -> None:
        data = os.read(self._pipe, CHUNK)
        if not data:
            self._close_pipe()
        self._line += data[: CHUNK - len(self._line)]
        while b"\n" in self._line or len(self._line) >= CHUNK:
            line, _, self._line = self._line.partition(b"\n")
            self._hear(as_json(line))

    def _hear(self, said: object) -> None:
        """The first line says that it is ready; later ones whether it computes."""
        if self.ready is None:
            self.ready = said
            if self._why != "stopped":
                self._become("ready")
        elif isinstance(said, dict) and isinstance(said.get("busy"), bool):
            self._said_busy = bool(said["busy"])
            self.node.limits.touch()

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self.node.loop.watch(self._pipe, 0, self._on_pipe)
            os.close(self._pipe)
            self._pipe = -1

    def ended(self, status: int) -> None:
        """Its first process is dead; what it left in its session goes, too."""
        self.leads = False
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.exit = {
            "code": None if number else os.WEXITSTATUS(status),
            "signal": signal.Signals(number).name if number in list(signal.Signals) else number,
            "reason": self._why or ("signal" if number else "exited"),
            "text": "",
        }
        self._cancel_timer()
        self._close_pipe()
        sweep(self.node, self.os_pid, self.life, self._gone)

    def _gone(self) -> None:
        """Nothing is left of this life: what next?"""
        self.alive, self.os_pid, self.rss_bytes = False, 0, 0
        if self.wish is None:
            self._become("stopped")
        elif self.wish != self.spec or self._why == "stopped":
            self._fresh(self.wish)
        else:
            self._restart()

    def _restart(self) -> None:
        now = time.monotonic()
        within, most = a_number(self.spec, "within", 60.0), a_number(self.spec, "restarts", 5)
        while self._recent and now - self._recent[0] > within:
            self._recent.popleft()
        if len(self._recent) >= most:
            done = most == 0 and self.exit is not None and self.exit["code"] == 0
            self._become("exited" if done else "failed")
            return
        self._timer = self.node.loop.later(min(0.1 * 2 ** len(self._recent), SLOWEST_RESTART), self._begin_again)
        self._recent.append(now)
        self._become("exited")

    def _begin_again(self) -> None:
        self.restarts += 1
        self._begin()

    def _become(self, state: str) -> None:
        self.state = state
        self.node.tell(self)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def as_json(line: bytes) -> object:
    """What a process said on its ready pipe: an object, else the text itself."""
    text = line.decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
