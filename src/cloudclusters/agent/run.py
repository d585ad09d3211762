"""A command that somebody waits for."""

from __future__ import annotations

import codecs
import os
import selectors
import signal

from .checks import Refused, a_text, an_argv, an_env
from .files import working_directory
from .strays import sweep
from .system import new_life, send_signal
from .wire import CHUNK, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node
    from .wire import Connection, Message

PIPE_GRACE = 0.3
"""Seconds that the output of a command which has ended may still come from others who hold it open."""


class Run(Stream):
    """A command somebody waits for; it ends with their connection."""

    def __init__(self, node: Node, to: Connection, number: object, message: Message) -> None:
        self._node, self._to, self._number = node, to, number
        argv, env, life = an_argv(message), an_env(message), new_life()
        try:
            cwd = working_directory(node.directory, a_text(message, "cwd", "") if message.get("cwd") else "")
        except OSError as exc:
            raise Refused("not-started", str(exc)) from exc
        self._input = (a_text(message, "stdin", "") if message.get("stdin") else "").encode("utf-8", "replace")
        pipes = _pipes()
        mine = (pipes[0][1], pipes[1][0], pipes[2][0])
        theirs = (pipes[0][0], pipes[1][1], pipes[2][1])
        try:
            self.os_pid = node.spawn(life, argv, env, cwd, theirs)
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
        node.loop.watch(self._stdin, selectors.EVENT_WRITE, self._write)
        self._finished = False
        node.runs[self.os_pid] = self
        self.is_use = message.get("use") is not False
        """Whether it counts as use of the node; what a driver asks to see how things stand does not."""
        if self.is_use:
            node.limits.touch()
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
            self._node.loop.watch(self._stdin, 0, self._write)
            os.close(self._stdin)
            self._stdin = -1

    def resume(self) -> None:
        """Read its output as long as ours is read."""
        for fd in self._open:
            self._node.loop.watch(fd, selectors.EVENT_READ, lambda _events, fd=fd: self._read(fd))  # type: ignore[misc]

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
                self._node.loop.watch(other, 0, self._write)

    def _close_output(self, fd: int) -> None:
        self._node.loop.watch(fd, 0, self._write)
        os.close(fd)
        del self._open[fd]

    def ended(self, status: int) -> None:
        """The command is dead; output that is still held open by others is not waited for long."""
        self._status = status
        if self.is_use:
            self._node.limits.touch()
        if self._to.closed:
            sweep(self._node, self.os_pid, self._life, lambda: None)
        self._node.loop.later(PIPE_GRACE, self._let_go)
        self._conclude()

    def _let_go(self) -> None:
        if not self._to.full:
            for fd in list(self._open):
                self._close_output(fd)
        if self._open:
            self._node.loop.later(PIPE_GRACE, self._let_go)
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


def _pipes() -> list[tuple[int, int]]:
    """Three pipes, or none when the descriptors do not suffice: raises Refused."""
    pipes: list[tuple[int, int]] = []
    try:
        for _ in range(3):
            pipes.append(os.pipe())
    except OSError as exc:
        for fd in (fd for pipe in pipes for fd in pipe):
            os.close(fd)
        raise Refused("not-started", str(exc)) from exc
    return pipes
