"""A private world for the bed: network, mounts and processes of its own, from which nothing gets out.

`python -m cloudclusters.testing.bed.world COMMAND…` runs a command in it. The machine's routes, firewall and mounts
stay as they are; when the command ends, everything that it started ends, and all that it mounted is gone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

PROGRAMS = ("unshare", "nsenter", "mount", "pivot_root", "ip", "iptables", "iptables-restore", "ssh-keygen")
"""What must be installed: util-linux, iproute2, iptables, openssh-client."""
OUTSIDE = "CLOUDCLUSTERS_BED_OUTSIDE"
"""Names, inside a world, the network namespace that it was entered from."""
STATE = Path("/run/cloudclusters-bed")
"""Where hosts keep their disks: a file system in memory that is gone with the world."""
_NETWORK = Path("/proc/self/ns/net")


def obstacle() -> str:
    """Why no world can be made here; empty when it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "the test bed needs root (private network and process namespaces)"
    for program in PROGRAMS:
        if shutil.which(program) is None:
            return f"the test bed needs {program} (install iproute2, iptables and openssh-client)"
    trial = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    return "" if trial.returncode == 0 else f"this machine allows no new namespaces: {trial.stderr.strip()}"


def is_inside() -> bool:
    """Whether this process is in such a world: told so, and in another network than it was told."""
    outside = os.environ.get(OUTSIDE)
    return outside is not None and outside != str(_NETWORK.readlink())


def command_inside(command: Sequence[str]) -> list[str]:
    """The command that runs `command` in a world of its own."""
    return [*_unshare(), sys.executable, "-m", __spec__.name if __spec__ else __name__, "--inside", *command]


def environment_inside() -> dict[str, str]:
    """The environment with which `command_inside` must run."""
    return {**os.environ, OUTSIDE: str(_NETWORK.readlink())}


def _unshare() -> list[str]:
    return ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]


def _furnish() -> None:
    """What the world needs before anything runs in it."""
    if not is_inside():
        raise SystemExit("this is not a world of its own; run it without --inside")
    for folder in (STATE, Path("/run/netns")):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "bed", str(folder)], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _run(command: Sequence[str]) -> int:
    """Run the command as a child of the world's first process, which takes in every orphan."""
    child = subprocess.Popen(command)

    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == child.pid:
            return os.waitstatus_to_exitcode(status)


def main(arguments: Sequence[str]) -> int:
    """Enter a world, or, once inside, furnish it and run the command."""
    if not arguments:
        sys.stderr.write("usage: python -m cloudclusters.testing.bed.world COMMAND…\n")
        return 2
    if arguments[0] == "--inside":
        _furnish()
        code = _run(arguments[1:])
        return code if code >= 0 else 128 - code
    why_not = obstacle()
    if why_not:
        sys.stderr.write(f"{why_not}\n")
        return 3
    return subprocess.run(command_inside(arguments), env=environment_inside(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
