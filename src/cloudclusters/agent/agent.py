"""The agent of a node: starts processes there, watches, restarts and logs them, and lets go of them.

One file, standard library only, Python 3.8 or newer, because it is sent to machines that have nothing of
ours. It answers JSON lines on the Unix socket `agent.sock` of its directory, and outlives whoever asks.
Everything happens in one thread and one loop; nothing in it waits but the loop.
"""

from __future__ import annotations

import codecs
import collections
import contextlib
import errno
import fcntl
import heapq
import json
import os
import re
import selectors
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Deque, Dict, List, NoReturn, Optional, Tuple

    Message = Dict[str, object]

VERSION = "1"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}\Z")
LINE_LIMIT = 128 << 20
"""Bytes of the longest request; the connection that sends more is dropped."""
CALM = 256 << 10
"""Unsent bytes of a connection beyond which its streams and further requests wait."""
DROP = 8 << 20
"""Unsent bytes beyond which a connection is dropped: its other end does not read."""
CHUNK = 64 << 10
TICK = 0.5
"""Seconds between looks at memory and at our own directory."""
FOLLOW = 0.1
"""Seconds between looks at a log that somebody follows."""
LOGS_KEPT = 8
"""Logs kept of each process: its latest lives."""
LOG_LIMIT = 64 << 20
"""Bytes of a log beyond which its first half is thrown away."""
TERM_GRACE = 1.0
"""Seconds that processes have to end by themselves when the agent itself is told to end."""
REPLACE_GRACE = 5.0
PIPE_GRACE = 0.3
"""Seconds that the output of a command which has ended may still come from others who hold it open."""
SLOWEST_RESTART = 15.0
MANY_BUGS = 200
READY_FD = 3
"""Where a process says that it is ready: one digit, because some shells know no more. We never use this number."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Refused(Exception):
    """A request that is not carried out; `kind` is a word for programs."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


# Reading requests: every value is checked before it is used.


def a_text(message: Message, key: str, default: Optional[str] = None) -> str:
    value = message.get(key, default)
    if not isinstance(value, str) or "\0" in value:
        raise Refused("bad-request", "%s must be a text, not %.60r" % (key, value))
    return value


def a_number(message: Message, key: str, default: float) -> float:
    value = message.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e18:
        raise Refused("bad-request", "%s must be a number from 0 on, not %.60r" % (key, value))
    return value


def a_list(message: Message, key: str) -> List[object]:
    value = message.get(key)
    if not isinstance(value, list):
        raise Refused("bad-request", "%s must be a list, not %.60r" % (key, value))
    return value


def an_object(value: object, what: str) -> Message:
    if not isinstance(value, dict):
        raise Refused("bad-request", "%s must be an object, not %.60r" % (what, value))
    return value


def an_argv(message: Message) -> List[str]:
    argv = a_list(message, "argv")
    if not argv or not all(isinstance(word, str) and "\0" not in word for word in argv) or not argv[0]:
        raise Refused("bad-request", "argv must be a list of texts that begins with a program, not %.60r" % (argv,))
    return [str(word) for word in argv]


def an_env(message: Message) -> Dict[str, str]:
    env = an_object(message.get("env") or {}, "env")
    for name, value in env.items():
        if not name or "=" in name or not isinstance(value, str) or "\0" in name + value:
            raise Refused("bad-request", "env must map names to texts; %.60r is %.60r" % (name, value))
    return {name: str(value) for name, value in env.items()}


def a_name(message: Message) -> str:
    name = a_text(message, "name")
    if not NAME.match(name):
        raise Refused("bad-request", "a process name is letters, digits, _ and -, at most 64; not %.80r" % (name,))
    return name


# The operating system.


class Kernel:
    """What only C can ask of Linux; silently absent elsewhere."""

    def __init__(self) -> None:
        self.subreaper = False
        try:
            import ctypes

            self._prctl: Optional[Callable[[int, int, int, int, int], int]] = ctypes.CDLL(None).prctl
            self.subreaper = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        except (ImportError, OSError, AttributeError):
            self._prctl = None

    def die_with(self, parent: int) -> None:
        """End this process when its parent ends (called in a fresh child)."""
        if self._prctl is not None:
            self._prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)


def complain(text: str) -> None:
    """Print for whoever looks for the cause of trouble; a full disk or a closed pipe must not be trouble itself."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def read_file(path: str) -> str:
    """The text of a small file, or nothing when it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def stat_fields(pid: int) -> List[str]:
    """Fields of /proc/PID/stat from the state on: [0] state, [1] parent, [3] session, [19] start; or nothing."""
    return read_file("/proc/%d/stat" % pid).rpartition(")")[2].split()


def all_pids() -> List[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry[0] in "123456789"]


def send_signal(pid: int, number: int, group: bool = False) -> None:
    """Signal a process or its group; one that is gone is no news."""
    if pid <= 1:
        raise ValueError("never everybody")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def new_life() -> str:
    return "".join(chr(97 + byte % 26) for byte in os.urandom(10))


def spawn(kernel: Kernel, argv: List[str], env: Dict[str, str], cwd: str, fds: Tuple[int, ...]) -> int:
    """Start a program in a session of its own and return its pid when it really runs; raises OSError.

    `fds` become its stdin, stdout, stderr and, if there is a fourth, its READY_FD.
    """
    failed, fail = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            start_afresh()
            kernel.die_with(parent)
            for wanted, fd in enumerate(fds):
                os.dup2(fd, wanted)
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
        except (OSError, ValueError) as exc:
            os.write(fail, b"%d" % (getattr(exc, "errno", None) or errno.EINVAL))
        finally:
            os._exit(127)
    os.close(fail)
    with open(failed, "rb") as pipe:
        reason = pipe.read()
    if reason:
        os.waitpid(pid, 0)
        raise OSError(int(reason), os.strerror(int(reason)), argv[0])
    return pid


def start_afresh() -> None:
    """Give a fresh child a session of its own and the system's ways with signals."""
    signal.set_wakeup_fd(-1)  # else a signal that reaches it before exec is written to its parent
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.setsid()


# The loop.


class Timer:
    """Something to do later, unless it is cancelled."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Optional[Callable[[], None]] = act

    def cancel(self) -> None:
        self.act = None


class Loop:
    """Waits for files and timers, and calls who is concerned."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: List[Tuple[float, int, Timer]] = []
        self._count = 0

    def watch(self, fd: int, events: int, act: Callable[[int], None]) -> None:
        """Call `act(events)` whenever `fd` is ready; no events is not watched. Replaces an earlier watch."""
        known = fd in self._selector.get_map()
        if known and events:
            self._selector.modify(fd, events, act)
        elif events:
            self._selector.register(fd, events, act)
        elif known:
            self._selector.unregister(fd)

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        timer = Timer(act)
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, timer))
        return timer

    def turn(self) -> None:
        """Wait for the next event and deal with all that are due."""
        while self._timers and self._timers[0][2].act is None:
            heapq.heappop(self._timers)
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for key, events in self._selector.select(timeout):
            if self._selector.get_map().get(key.fd) is key:  # not unwatched by an earlier one of this turn
                key.data(events)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            act = heapq.heappop(self._timers)[2].act
            if act is not None:
                act()


class Stream:
    """A request that goes on answering: `resume` when there is room again, `end` when the connection ends."""

    def resume(self) -> None:
        pass

    def end(self) -> None:
        pass


class Connection:
    """Somebody who asks. Its unsent bytes are bounded: streams wait, then it is dropped."""

    def __init__(self, loop: Loop, sock: socket.socket, carry_out: Callable[[Connection, bytes], None]) -> None:
        sock.setblocking(False)
        self._loop, self._sock, self._carry_out = loop, sock, carry_out
        self._in, self._out = bytearray(), bytearray()
        self._searched = 0
        self.closed = False
        self.streams: List[Stream] = []
        self._interest()

    @property
    def full(self) -> bool:
        return len(self._out) > CALM

    def send(self, number: object, what: str, value: object) -> None:
        """Send `{"id": number, what: value}`; after the connection's end nothing happens."""
        if self.closed:
            return
        self._out += json.dumps({"id": number, what: value}, separators=(",", ":")).encode() + b"\n"
        self._flush()
        if len(self._out) > DROP:
            self.close()

    def _interest(self) -> None:
        events = 0 if self.full else selectors.EVENT_READ
        self._loop.watch(self._sock.fileno(), events | (selectors.EVENT_WRITE if self._out else 0), self._on_ready)

    def _on_ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            was_full = self.full
            self._flush()
            if was_full and not self.full:
                self._work()
                for stream in list(self.streams):
                    stream.resume()
        if events & selectors.EVENT_READ and not self.closed:
            self._receive()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
        if not self.closed:
            self._interest()

    def _receive(self) -> None:
        try:
            data = self._sock.recv(4 * CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._in += data
        if not data or len(self._in) > LINE_LIMIT:
            self.close()
        else:
            self._work()

    def _work(self) -> None:
        """Carry out the requests that have arrived whole, while there is room for answers."""
        while not self.closed and not self.full:
            end = self._in.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._in)
                return
            line = bytes(self._in[:end])
            del self._in[: end + 1]
            self._searched = 0
            if line.strip():
                self._carry_out(self, line)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._loop.watch(self._sock.fileno(), 0, self._on_ready)
        self._sock.close()
        for stream in list(self.streams):
            stream.end()
        self.streams.clear()


# Logs.


class Logs:
    """The folder of logs: one file for each life of each process, `NAME.LIFE.log`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder, 0o700, exist_ok=True)

    def path(self, name: str, life: str) -> str:
        return os.path.join(self.folder, "%s.%s.log" % (name, life))

    def open(self, name: str, life: str) -> int:
        """Open a log for appending, and throw away those of long past lives."""
        os.makedirs(self.folder, 0o700, exist_ok=True)
        old = [file for file in self.files() if file["name"] == name]
        for file in old[: max(0, len(old) - LOGS_KEPT + 1)]:
            remove(self.path(name, str(file["life"])))
        return os.open(self.path(name, life), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def files(self) -> List[Message]:
        """Every log, the oldest first."""
        found = []
        for entry in list(os.scandir(self.folder)):
            name, _, life = entry.name[: -len(".log")].partition(".")
            if entry.name.endswith(".log") and life:
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    facts = entry.stat()
                    found.append((facts.st_mtime, name, life, facts.st_size))
        return [{"name": n, "life": i, "bytes": size, "modified": at} for at, n, i, size in sorted(found)]

    def latest(self, name: str) -> str:
        """The life whose log was written last, or nothing."""
        return next((str(file["life"]) for file in reversed(self.files()) if file["name"] == name), "")

    def note(self, name: str, life: str, text: str) -> None:
        """Write a line of our own into a log."""
        try:
            with open(self.path(name, life), "a") as file:
                file.write("[agent] %s\n" % text)
        except OSError as exc:
            complain("no line in the log of %s: %s" % (name, exc))

    def shorten(self, name: str, life: str) -> None:
        """Throw away the first half of a log that is too long; its writer appends and does not notice."""
        try:
            with open(self.path(name, life), "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                if size > LOG_LIMIT:
                    file.seek(size - LOG_LIMIT // 2)
                    kept = file.read().partition(b"\n")[2]
                    file.truncate(0)
                    file.seek(0)
                    file.write(b"[agent] the log was too long: its beginning is thrown away\n" + kept)
        except OSError as exc:
            complain("the log of %s cannot be shortened: %s" % (name, exc))


def tail_offset(fd: int, lines: Optional[int]) -> int:
    """Where the last so many lines of a file begin."""
    if lines is None:
        return 0
    position = os.fstat(fd).st_size
    if lines == 0:
        return position
    missing = lines + 1  # the newline before the first of them, too
    while position > 0:
        block = min(CHUNK, position)
        position -= block
        data = os.pread(fd, block, position)
        if missing == lines + 1 and not data.endswith(b"\n"):
            missing -= 1  # an unfinished last line is a line
        for index in range(len(data) - 1, -1, -1):
            if data[index] == 10:
                missing -= 1
                if missing <= 0:
                    return position + index + 1
    return 0


class Tail(Stream):
    """Sends a log, and goes on with `follow`: to the end of the given life, else over restarts until nobody listens."""

    def __init__(self, agent: Agent, to: Connection, number: object, message: Message) -> None:
        self._agent, self._to, self._number = agent, to, number
        self._name = a_name(message)
        self._only = a_text(message, "life", "") if message.get("life") else ""
        if self._only and not NAME.match(self._only):
            raise Refused("bad-request", "no life is named %.60r" % (self._only,))
        self._follow = bool(message.get("follow"))
        self._life, self._fd, self._position = "", -1, 0
        self._timer: Optional[Timer] = None
        life = self._only or agent.logs.latest(self._name)
        if life and not os.path.exists(agent.logs.path(self._name, life)):
            raise Refused("not-found", "no log of %s, life %s" % (self._name, life))
        if not life and self._name not in agent.processes:
            raise Refused("not-found", "no log of %s" % self._name)
        if life:
            lines = None if message.get("tail") is None else int(a_number(message, "tail", 0))
            self._open(life, lines)

    def begin(self) -> None:
        self._to.streams.append(self)
        self.resume()

    def _open(self, life: str, lines: Optional[int] = None) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = os.open(self._agent.logs.path(self._name, life), os.O_RDONLY)
        self._life, self._position = life, tail_offset(self._fd, lines)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def resume(self) -> None:
        """Send what there is, as long as it is read."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._send()
        except OSError as exc:
            self._conclude("error", {"kind": "system", "text": str(exc)})

    def _send(self) -> None:
        while not self._to.closed:
            if self._to.full:
                return
            alive = self._alive()  # asked before reading: what a dead process wrote is all there
            data = self._read()
            if data:
                self._to.send(self._number, "event", {"text": self._decoder.decode(data)})
            elif self._follow and not self._only and self._next_life():
                continue
            elif self._follow and alive:
                self._timer = self._agent.loop.later(FOLLOW, self.resume)
                return
            else:
                self._conclude("ok", {})
                return

    def _conclude(self, what: str, value: Message) -> None:
        if self in self._to.streams:
            self._to.streams.remove(self)
        self._to.send(self._number, what, value)
        self.end()

    def _alive(self) -> bool:
        process = self._agent.processes.get(self._name)
        return not self._only or (process is not None and process.life == self._only and process.alive)

    def _read(self) -> bytes:
        if self._fd < 0:
            return b""
        self._position = min(self._position, os.fstat(self._fd).st_size)  # shortened meanwhile
        data = os.pread(self._fd, CHUNK, self._position)
        self._position += len(data)
        return data

    def _next_life(self) -> bool:
        process = self._agent.processes.get(self._name)
        if process is None or process.life in ("", self._life):
            return False
        if not os.path.exists(self._agent.logs.path(self._name, process.life)):
            return False
        self._open(process.life)
        return True

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


# Processes.


class Process:
    """A process that is kept alive: its present life, and what is wished of it (None: that it is not there)."""

    def __init__(self, agent: Agent, name: str) -> None:
        self.agent, self.name = agent, name
        self.wish: Optional[Message] = None
        self.spec: Message = {}
        self.state, self.life, self.os_pid = "stopped", "", 0
        self.alive = False
        """The process runs, or what it left in its session is not gone yet."""
        self.leads = False
        """The process itself runs: its number means it and nobody else."""
        self.ready: object = None
        self.exit: Optional[Message] = None
        self.started = 0.0
        self.restarts, self.rss_bytes = 0, 0
        self._why = ""
        self._recent: Deque[float] = collections.deque()
        self._timer: Optional[Timer] = None
        self._pipe, self._line = -1, b""

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

    def kill(self, why: str, text: str) -> None:
        """End it at once; it is restarted as after any end."""
        self._why = self._why or why
        self.agent.logs.note(self.name, self.life, text)
        if self.leads:
            send_signal(self.os_pid, signal.SIGKILL, group=True)

    def _end(self, grace: float) -> None:
        self._why = "stopped"
        self._cancel_timer()
        if self.leads:
            pid = self.os_pid
            send_signal(pid, signal.SIGTERM, group=True)
            self._timer = self.agent.loop.later(grace, lambda: send_signal(pid, signal.SIGKILL, group=True))

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
            log = self.agent.logs.open(self.name, self.life)
            theirs.append(log)
            self.os_pid = self._spawn((self.agent.null, log, log, outside))
        except OSError as exc:
            if inside >= 0:
                os.close(inside)
            self.exit = {"code": None, "signal": None, "reason": "not-started", "text": str(exc)}
            self.agent.logs.note(self.name, self.life, "not started: %s" % exc)
            self._become("failed")
        else:
            self._pipe, self._line = inside, b""
            self.alive = self.leads = True
            self.agent.loop.watch(inside, selectors.EVENT_READ, self._on_pipe)
            self._become("starting")
        finally:
            for fd in theirs:
                os.close(fd)

    def _spawn(self, fds: Tuple[int, ...]) -> int:
        argv = [self._filled(word) for word in an_argv(self.spec)]
        env = {name: self._filled(value) for name, value in an_env(self.spec).items()}
        env["CLOUDCLUSTERS_READY_FD"] = str(READY_FD)
        return self.agent.spawn(self.life, argv, env, self.agent.directory, fds)

    def _filled(self, text: str) -> str:
        return text.replace("{life}", self.life).replace("{directory}", self.agent.directory)

    def _on_pipe(self, _events: int) -> None:
        data = os.read(self._pipe, CHUNK)
        if not data:
            self._close_pipe()
        elif self.ready is None:
            self._line += data[: CHUNK - len(self._line)]
            line, end, _ = self._line.partition(b"\n")
            if end or len(self._line) >= CHUNK:
                self.ready = as_json(line)
                if self._why != "stopped":
                    self._become("ready")

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self.agent.loop.watch(self._pipe, 0, self._on_pipe)
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
        self.agent.sweep(self.os_pid, self.life, self._gone)

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
        self._timer = self.agent.loop.later(min(0.1 * 2 ** len(self._recent), SLOWEST_RESTART), self._begin_again)
        self._recent.append(now)
        self._become("exited")

    def _begin_again(self) -> None:
        self.restarts += 1
        self._begin()

    def _become(self, state: str) -> None:
        self.state = state
        self.agent.tell(self)

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


class Watch(Stream):
    """Somebody who hears of every change of every process."""

    def __init__(self, to: Connection, number: object) -> None:
        self.to, self.number = to, number


class Run(Stream):
    """A command somebody waits for; it ends with their connection."""

    def __init__(self, agent: Agent, to: Connection, number: object, message: Message) -> None:
        self._agent, self._to, self._number = agent, to, number
        argv, env, life = an_argv(message), an_env(message), new_life()
        cwd = os.path.join(agent.directory, a_text(message, "cwd", "") if message.get("cwd") else "")
        self._input = (a_text(message, "stdin", "") if message.get("stdin") else "").encode("utf-8", "replace")
        pipes = [os.pipe() for _ in range(3)]
        mine = (pipes[0][1], pipes[1][0], pipes[2][0])
        theirs = (pipes[0][0], pipes[1][1], pipes[2][1])
        try:
            self.os_pid = agent.spawn(life, argv, env, cwd, theirs)
        except OSError as exc:
            for fd in mine:
                os.close(fd)
            raise Refused("not-started", str(exc)) from exc
        finally:
            for fd in theirs:
                os.close(fd)
        self._life, self._status = life, -1
        self._open = {mine[1]: 1, mine[2]: 2}
        self._decoders = {fd: codecs.getincrementaldecoder("utf-8")("replace") for fd in self._open}
        self._stdin = mine[0]
        os.set_blocking(self._stdin, False)
        agent.loop.watch(self._stdin, selectors.EVENT_WRITE, self._write)
        self._finished = False
        agent.runs[self.os_pid] = self
        to.streams.append(self)
        self.resume()

    def _write(self, _events: int) -> None:
        try:
            while self._input:
                self._input = self._input[os.write(self._stdin, self._input) :]
        except BlockingIOError:
            return
        except OSError:  # it does not read any more
            pass
        self._close_stdin()

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            self._agent.loop.watch(self._stdin, 0, self._write)
            os.close(self._stdin)
            self._stdin = -1

    def resume(self) -> None:
        """Read its output as long as ours is read."""
        for fd in self._open:
            self._agent.loop.watch(fd, selectors.EVENT_READ, lambda _events, fd=fd: self._read(fd))  # type: ignore[misc]

    def _read(self, fd: int) -> None:
        data = os.read(fd, CHUNK)
        text = self._decoders[fd].decode(data, final=not data)
        if text:
            self._to.send(self._number, "event", {"fd": self._open[fd], "text": text})
        if not data:
            self._close_output(fd)
            self._conclude()
        elif self._to.full:
            for other in self._open:
                self._agent.loop.watch(other, 0, self._write)

    def _close_output(self, fd: int) -> None:
        self._agent.loop.watch(fd, 0, self._write)
        os.close(fd)
        del self._open[fd]

    def ended(self, status: int) -> None:
        """The command is dead; output that is still held open by others is not waited for long."""
        self._status = status
        if self._to.closed:
            self._agent.sweep(self.os_pid, self._life, lambda: None)
        self._agent.loop.later(PIPE_GRACE, self._let_go)
        self._conclude()

    def _let_go(self) -> None:
        if not self._to.full:
            for fd in list(self._open):
                self._close_output(fd)
        if self._open:
            self._agent.loop.later(PIPE_GRACE, self._let_go)
        self._conclude()

    def _conclude(self) -> None:
        if self._status < 0 or self._open or self._finished:
            return
        self._finished = True
        self._close_stdin()
        if self in self._to.streams:
            self._to.streams.remove(self)
        status = self._status
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self._to.send(self._number, "ok", {"code": code})

    def end(self) -> None:
        """Kill it: nobody waits any more."""
        for fd in list(self._open):
            self._close_output(fd)
        self._close_stdin()
        if self._status < 0:
            send_signal(self.os_pid, signal.SIGKILL, group=True)


class Memory:
    """How much memory each process and its descendants have: looked up cheaply, by remembering who is whose."""

    def __init__(self) -> None:
        self._owners: Dict[int, int] = {}
        self._looks = 0
        self._page = os.sysconf("SC_PAGE_SIZE")

    def look(self, leaders: List[int]) -> Dict[int, int]:
        """Resident bytes by leader, of its session and of all who descend from it."""
        self._looks += 1
        known = self._owners if self._looks % 20 else {}
        owners: Dict[int, int] = {}
        totals = dict.fromkeys(leaders, 0)
        for pid in all_pids():
            owner = known.get(pid, -1)
            if owner not in totals and owner != 0:
                fields = stat_fields(pid)
                session, parent = (int(fields[3]), int(fields[1])) if len(fields) > 3 else (0, 0)
                owner = session if session in totals else owners.get(parent, 0)
            owners[pid] = owner
            if owner:
                resident = read_file("/proc/%d/statm" % pid).split()
                totals[owner] += int(resident[1]) * self._page if resident else 0
        self._owners = owners
        return totals


class Agent:
    """The agent of one directory."""

    def __init__(self, directory: str, node: str, instance: str) -> None:
        self.directory, self.node, self.instance = directory, node, instance
        self.loop = Loop()
        self.logs = Logs(os.path.join(directory, "logs"))
        self.processes: Dict[str, Process] = {}
        self.runs: Dict[int, Run] = {}
        self.null = os.open(os.devnull, os.O_RDWR)
        self.started = time.time()
        self.boot = read_file("/proc/sys/kernel/random/boot_id").strip()
        self.ending = self.done = False
        self._connections: List[Connection] = []
        self._watches: List[Watch] = []
        self._waiting: List[Tuple[Callable[[], bool], Callable[[], None]]] = []
        self._memory = Memory()
        self._ticks = self._bugs = 0
        facts = os.stat(directory)
        self._place = (facts.st_dev, facts.st_ino)

    # Being asked

    def serve(self, listener: socket.socket) -> None:
        """Answer until told to end; everything that was started is gone afterwards."""
        self._listener = listener
        listener.setblocking(False)
        wake, woken = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        self.loop.watch(wake, selectors.EVENT_READ, lambda _: self._on_signals(os.read(wake, CHUNK)))
        self._open_door()
        self.kernel = Kernel()
        self._tick()
        while not self.done:
            try:
                self._turn()
            except Exception:  # noqa: BLE001  the outer edge: a bug in one thing must not end the node
                self._report_bug()
                time.sleep(0.1)  # it may come again and again
        self._clear_out()

    def _turn(self) -> None:
        self.loop.turn()
        self._reap()
        for entry in [entry for entry in self._waiting if entry[0]()]:
            self._waiting.remove(entry)
            entry[1]()

    def _report_bug(self) -> None:
        """Leave a trace of a mistake of ours, but not so many that they fill the disk."""
        import traceback

        self._bugs += 1
        if self._bugs <= MANY_BUGS:
            complain(traceback.format_exc())

    def _open_door(self) -> None:
        self.loop.watch(self._listener.fileno(), selectors.EVENT_READ, self._on_visitor)

    def _on_visitor(self, _events: int) -> None:
        try:
            sock = self._listener.accept()[0]
        except OSError as exc:  # gone again, or no descriptor is free: who waits is served later
            complain("a visitor could not be let in: %s" % exc)
            self.loop.watch(self._listener.fileno(), 0, self._on_visitor)
            self.loop.later(TICK, self._open_door)
            return
        if hasattr(socket, "SO_PEERCRED"):
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", credentials)[1] not in (os.getuid(), 0):
                sock.close()
                return
        self._connections = [connection for connection in self._connections if not connection.closed]
        self._connections.append(Connection(self.loop, sock, self.carry_out))

    def carry_out(self, connection: Connection, line: bytes) -> None:
        """Carry out one request. Whatever is wrong with it is answered, and nobody else notices."""
        number: object = None
        try:
            try:
                message = an_object(json.loads(line), "a request")
            except (ValueError, RecursionError) as exc:
                raise Refused("bad-request", "a request is one line of JSON: %s" % exc) from exc
            number = message.get("id")
            act = self._acts().get(a_text(message, "do"))
            if act is None:
                raise Refused("bad-request", "no request is called %.60r" % (message["do"],))
            act(connection, number, message)
        except Refused as exc:
            connection.send(number, "error", {"kind": exc.kind, "text": str(exc)})
        except OSError as exc:
            connection.send(number, "error", {"kind": "system", "text": str(exc)})
        except Exception as exc:  # noqa: BLE001  the outer edge: a bug in one request must not end the node
            self._report_bug()
            connection.send(number, "error", {"kind": "internal", "text": repr(exc)})

    def _acts(self) -> Dict[str, Callable[[Connection, object, Message], None]]:
        return {
            "hello": self._hello,
            "write": self._write,
            "start": self._start,
            "stop": self._stop,
            "list": self._list,
            "watch": self._watch,
            "run": self._run,
            "log": self._log,
            "logs": self._logs,
            "leave": self._leave,
        }

    # Requests

    def _hello(self, to: Connection, number: object, _message: Message) -> None:
        facts: Message = {
            "agent": VERSION,
            "node": self.node,
            "instance": self.instance,
            "hostname": socket.gethostname(),
            "python": "%d.%d.%d" % sys.version_info[:3],
            "executable": sys.executable,
            "vcpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            "memory_bytes": memory_of_machine(),
            "directory": self.directory,
            "os_pid": os.getpid(),
            "boot": self.boot,
            "started": self.started,
        }
        to.send(number, "ok", facts)

    def _write(self, to: Connection, number: object, message: Message) -> None:
        for entry in a_list(message, "files"):
            file = an_object(entry, "a file")
            path = self._inside(a_text(file, "path"))
            mode = int(a_number(file, "mode", 0o600)) & 0o777
            if "base64" in file:
                import base64

                try:
                    data = base64.b64decode(a_text(file, "base64"), validate=True)
                except ValueError as exc:
                    raise Refused("bad-request", "%s: not base64: %s" % (path, exc)) from exc
            else:
                data = a_text(file, "text").encode("utf-8", "surrogateescape")
            write_file(path, data, mode)
        to.send(number, "ok", {})

    def _inside(self, path: str) -> str:
        """The whole path of a file that a client may write; raises Refused."""
        whole = os.path.realpath(os.path.join(self.directory, path))
        relative = os.path.relpath(whole, os.path.realpath(self.directory))
        if os.path.isabs(path) or relative.split(os.sep)[0] in ("..", ".") or path.endswith("/"):
            raise Refused("bad-request", "%.200r is not a file below the node's directory" % (path,))
        if os.sep not in relative and (relative.startswith("agent.") or relative == "node.json"):
            raise Refused("bad-request", "%s belongs to the agent" % relative)
        return whole

    def _start(self, to: Connection, number: object, message: Message) -> None:
        if self.ending:
            raise Refused("ending", "the node is being left")
        specs = [self._specification(entry) for entry in a_list(message, "processes")]
        chosen = [self.processes.setdefault(name, Process(self, name)) for name, _ in specs]
        for process, (_, spec) in zip(chosen, specs):
            process.want(spec)

        def answer() -> None:
            to.send(number, "ok", {"processes": [process.as_message() for process in chosen]})

        self._when(lambda: all(process.settled for process in chosen), answer)

    def _specification(self, entry: object) -> Tuple[str, Message]:
        given = an_object(entry, "a process")
        unknown = set(given) - {"name", "kind", "argv", "env", "memory_bytes", "restarts", "within"}
        if unknown:
            raise Refused("bad-request", "a process has no %s" % ", ".join(sorted(unknown)))
        return a_name(given), {
            "kind": a_text(given, "kind", "service"),
            "argv": an_argv(given),
            "env": an_env(given),
            "memory_bytes": int(a_number(given, "memory_bytes", 0)),
            "restarts": int(a_number(given, "restarts", 5)),
            "within": a_number(given, "within", 60.0),
        }

    def _stop(self, to: Connection, number: object, message: Message) -> None:
        names = None if message.get("names") is None else a_list(message, "names")
        grace = a_number(message, "grace", 5.0)
        chosen = [process for name, process in self.processes.items() if names is None or name in names]
        for process in chosen:
            process.stop(grace)
        lives = [(process, process.life) for process in chosen if process.alive]
        self._when(
            lambda: not any(process.alive and process.life == life for process, life in lives),
            lambda: to.send(number, "ok", {}),
        )

    def _list(self, to: Connection, number: object, _message: Message) -> None:
        self._measure()
        to.send(number, "ok", {"processes": [process.as_message() for process in self.processes.values()]})

    def _watch(self, to: Connection, number: object, _message: Message) -> None:
        watch = Watch(to, number)
        to.streams.append(watch)
        self._watches.append(watch)
        for process in list(self.processes.values()):
            to.send(number, "event", {"process": process.as_message()})

    def _run(self, to: Connection, number: object, message: Message) -> None:
        if self.ending:
            raise Refused("ending", "the node is being left")
        Run(self, to, number, message)

    def _log(self, to: Connection, number: object, message: Message) -> None:
        Tail(self, to, number, message).begin()

    def _logs(self, to: Connection, number: object, _message: Message) -> None:
        to.send(number, "ok", {"files": self.logs.files()})

    def _leave(self, to: Connection, number: object, message: Message) -> None:
        grace = a_number(message, "grace", 5.0)
        to.send(number, "ok", {})
        self.end(grace)

    # Watching

    def spawn(self, life: str, argv: List[str], env: Dict[str, str], cwd: str, fds: Tuple[int, ...]) -> int:
        """Start a program with our marks in its environment, by which all of its kind can be found."""
        marks = {"CLOUDCLUSTERS_INSTANCE": self.instance, "CLOUDCLUSTERS_NODE": self.node, "CLOUDCLUSTERS_LIFE": life}
        return spawn(self.kernel, argv, {**os.environ, **env, **marks}, cwd, fds)

    def tell(self, process: Process) -> None:
        """Let everybody who watches know of a change."""
        self._watches = [watch for watch in self._watches if not watch.to.closed]
        for watch in self._watches:
            watch.to.send(watch.number, "event", {"process": process.as_message()})

    def _when(self, condition: Callable[[], bool], act: Callable[[], None]) -> None:
        """Do something as soon as a condition holds."""
        self._waiting.append((condition, act))

    def _on_signals(self, numbers: bytes) -> None:
        if (signal.SIGTERM in numbers or signal.SIGINT in numbers) and not self.ending:
            self.end(TERM_GRACE)

    def _reap(self) -> None:
        """Take notice of every child that has died."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            run = self.runs.pop(pid, None)
            if run is not None:
                run.ended(status)
            for process in self.processes.values():
                if process.leads and process.os_pid == pid:
                    process.ended(status)

    def sweep(self, leader: int, life: str, then: Callable[[], None], patience: int = 500) -> None:
        """Kill what a dead process left behind, in its session or with its mark, and then go on."""
        left = [pid for pid in self._strays() if belongs(pid, leader, life)]
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        if left and patience:
            self.loop.later(0.01, lambda: self.sweep(leader, life, then, patience - 1))
        else:
            then()

    def _strays(self) -> List[int]:
        """Processes that may have lost their parent: they become our children, where Linux allows."""
        children = read_file("/proc/self/task/%d/children" % os.getpid()) if self.kernel.subreaper else ""
        pids = [int(pid) for pid in children.split()] if self.kernel.subreaper else all_pids()
        ours = {process.os_pid for process in self.processes.values() if process.os_pid} | set(self.runs)
        return [pid for pid in pids if pid not in ours and pid != os.getpid()]

    def _measure(self) -> None:
        living = {process.os_pid: process for process in self.processes.values() if process.os_pid}
        for pid, resident in (self._memory.look(list(living)) if living else {}).items():
            living[pid].rss_bytes = resident

    def _tick(self) -> None:
        """What is looked at again and again: our directory, memory limits, the size of logs."""
        self.loop.later(TICK, self._tick)
        self._ticks += 1
        try:
            facts = os.stat(self.directory)
            there = (facts.st_dev, facts.st_ino) == self._place
        except OSError:
            there = False
        if not there and not self.ending:
            complain("the directory is gone: leaving")
            self.end(TERM_GRACE)
        running = [process for process in self.processes.values() if process.os_pid]
        if any(process.spec["memory_bytes"] for process in running):
            self._measure()
        for process in running:
            limit = int(str(process.spec["memory_bytes"]))
            if limit and process.rss_bytes > limit:
                process.kill("memory", "killed: %d bytes are over its limit of %d bytes" % (process.rss_bytes, limit))
            if there and self._ticks % 10 == 0:
                self.logs.shorten(process.name, process.life)

    # Leaving

    def end(self, grace: float) -> None:
        """Stop everything, and then end."""
        first, self.ending = not self.ending, True
        for process in self.processes.values():
            process.stop(grace)
        for run in list(self.runs.values()):
            run.end()
        if first:
            self._when(lambda: not self.runs and not any(p.alive for p in self.processes.values()), self._finish)

    def _finish(self) -> None:
        self.done = True

    def _clear_out(self) -> None:
        """Kill what still is our child, and take our signs down."""
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            self._reap()
            left = [pid for pid in self._strays() if self.kernel.subreaper or belongs(pid, 0, "", self.instance)]
            if not left:
                break
            for pid in left:
                send_signal(pid, signal.SIGKILL)
            time.sleep(0.005)
        for name in ("agent.sock", "agent.json"):
            remove(os.path.join(self.directory, name))


def belongs(pid: int, leader: int, life: str, instance: str = "") -> bool:
    """Whether a process is of this session, or bears the mark of this life or instance, and is not dead."""
    fields = stat_fields(pid)
    if len(fields) <= 3 or fields[0] in "ZX":
        return False
    if leader and int(fields[3]) == leader:
        return True
    marks = environment(pid)
    return bool(life and "CLOUDCLUSTERS_LIFE=" + life in marks) or bool(
        instance and "CLOUDCLUSTERS_INSTANCE=" + instance in marks
    )


def environment(pid: int) -> List[str]:
    """The environment of a process. It is empty for a moment while it becomes another program: look again."""
    for _ in range(10):
        text = read_file("/proc/%d/environ" % pid)
        if text:
            return text.split("\0")
        time.sleep(0.0005)
    return []


def memory_of_machine() -> int:
    """Bytes of memory that this machine has, or that its container may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = read_file("/sys/fs/cgroup/memory.max").strip()
    return min(total, int(limit)) if limit.isdigit() else total


def write_file(path: str, data: bytes, mode: int) -> None:
    """Write a file whole or not at all."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    fresh = "%s.%s" % (path, new_life())
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.chmod(fresh, mode)
        os.replace(fresh, path)
    except BaseException:
        remove(fresh)
        raise


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def take(directory: str) -> None:
    """Make the directory ours for as long as we live, or exit: it has one agent."""
    lock = os.open(os.path.join(directory, "agent.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(100):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.02)  # the last agent may be on its way out
    sys.exit("another agent has %s" % directory)


def kill_leftovers(directory: str, instance: str) -> None:
    """Kill what an agent that died without clearing out has left behind."""
    if os.path.exists(os.path.join(directory, "agent.json")):
        for pid in all_pids():
            if pid != os.getpid() and belongs(pid, 0, "", instance):
                send_signal(pid, signal.SIGKILL)


def listen() -> socket.socket:
    """The socket in our directory, by a relative name because names of sockets are short."""
    remove("agent.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("agent.sock")
    os.chmod("agent.sock", 0o600)
    listener.listen(512)
    return listener


def main(arguments: List[str]) -> NoReturn:
    """`--directory D --node NAME --instance ID`: be the agent of a directory until told to end."""
    options = dict(zip(arguments[::2], arguments[1::2]))
    if len(arguments) != 6 or set(options) != {"--directory", "--node", "--instance"}:
        sys.exit("usage: agent.py --directory D --node NAME --instance ID")
    directory = os.path.abspath(options["--directory"])
    os.umask(0o077)
    while os.open(os.devnull, os.O_RDWR) < READY_FD:
        pass  # numbers up to that one have a meaning in our children
    os.chdir(directory)
    os.chmod(directory, 0o700)
    if os.getsid(0) != os.getpid() and os.getpgrp() != os.getpid():
        os.setsid()
    take(directory)
    kill_leftovers(directory, options["--instance"])
    agent = Agent(directory, options["--node"], options["--instance"])
    listener = listen()
    identity = {
        "agent": VERSION,
        "node": agent.node,
        "instance": agent.instance,
        "os_pid": os.getpid(),
        "start": (stat_fields(os.getpid()) + ["0"] * 20)[19],
        "boot": agent.boot,
        "started": agent.started,
    }
    write_file(os.path.join(directory, "agent.json"), json.dumps(identity).encode(), 0o600)
    agent.serve(listener)
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
