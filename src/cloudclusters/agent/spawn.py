"""Starting a program in a session of its own, so that it really runs or we know why not."""

from __future__ import annotations

import errno
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READY_FD = 3
"""Where a process says that it is ready: one digit, because some shells know no more. We never use this number."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Kernel:
    """What only C can ask of Linux; silently absent elsewhere."""

    def __init__(self) -> None:
        self.subreaper = False
        try:
            import ctypes

            self._prctl: Callable[[int, int, int, int, int], int] | None = ctypes.CDLL(None).prctl
            self.subreaper = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        except (ImportError, OSError, AttributeError):
            self._prctl = None

    def die_with(self, parent: int) -> None:
        """End this process when its parent ends (called in a fresh child)."""
        if self._prctl is not None:
            self._prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)


def spawn(kernel: Kernel, argv: list[str], env: dict[str, str], cwd: str, fds: tuple[int, ...]) -> int:
    """Start a program in a session of its own and return its pid when it really runs; raises OSError.

    `fds` become its stdin, stdout, stderr and, if there is a fourth, its READY_FD.
    """
    failed, fail = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _start_afresh()
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


def _start_afresh() -> None:
    """Give a fresh child a session of its own and the system's ways with signals."""
    signal.set_wakeup_fd(-1)  # else a signal that reaches it before exec is written to its parent
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.setsid()
