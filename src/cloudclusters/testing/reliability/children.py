"""Processes that may die: each is forked from a server that has imported everything, so that one costs little."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Concatenate, ParamSpec

P = ParamSpec("P")
Told = Callable[[str], None]
Work = Callable[Concatenate[Told, P], None]

_ADVANCE = ["cloudclusters.testing.reliability.imported"]
LONGEST = 120.0
"""Seconds that a child may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended: its exit code, negative for a signal, and what it had told."""

    code: int
    said: tuple[str, ...]


class Child:
    """A child at work; what it is given and says passes through pipes."""

    def __init__(self, work: Work[P], *args: P.args, **kwargs: P.kwargs) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_ADVANCE)
        self._ear, mouth = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(
            target=_live, args=(work, mouth, dict(os.environ), *args), kwargs=kwargs, daemon=True
        )
        self._process.start()
        mouth.close()

    def heard(self, *, within: float = LONGEST) -> str:
        """The next thing that it tells; empty when it ends, or is silent for so many seconds."""
        with contextlib.suppress(EOFError):
            if self._ear.poll(within):
                return str(self._ear.recv())
        return ""

    def wake(self) -> None:
        """Let it go on after it fell asleep."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def ended(self, *, within: float = LONGEST) -> Ended:
        """Wait for its end; one that takes too long is killed, and says so."""
        said = []
        while text := self.heard(within=within):
            said.append(text)
        self._process.join(within)
        if self._process.exitcode is None:
            said.append(f"it did not end within {within:g} s")
            self._process.kill()
            self._process.join()
        assert self._process.exitcode is not None
        code = self._process.exitcode
        self._process.close()
        self._ear.close()
        return Ended(code=code, said=tuple(said))


def in_child(work: Work[P], *args: P.args, **kwargs: P.kwargs) -> Ended:
    """Run in a child to its end."""
    return Child(work, *args, **kwargs).ended()


def _live(  # type: ignore[explicit-any]  # the checker's own name for what Concatenate leaves open
    work: Work[P], mouth: Connection, environment: Mapping[str, str], *args: P.args, **kwargs: P.kwargs
) -> None:
    os.set_inheritable(mouth.fileno(), False)  # an agent that outlives this process must not keep the pipe open
    os.environ.clear()
    os.environ.update(environment)
    try:
        work(mouth.send, *args, **kwargs)
    except BaseException as exc:  # noqa: BLE001  # a child has no other way to tell
        frames = traceback.extract_tb(exc.__traceback__)
        where = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-4:]))
        mouth.send(f"{type(exc).__name__}: {exc} ({where})")
        os._exit(1)
    os._exit(0)
