"""Start the agent whose file comes on standard input, unless one answers already; wait until it answers."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time

TRIES = 4000


def answers() -> bool:
    """Whether somebody listens."""
    with socket.socket(socket.AF_UNIX) as talk:
        try:
            talk.connect("agent.sock")
        except OSError:
            return False
    return True


def put_bundle() -> None:
    """Write the agent's file in one step."""
    name = f"agent.pyz.{os.getpid()}"
    with open(name, "wb") as file:  # noqa: PTH123  small and for old Pythons
        file.write(sys.stdin.buffer.read())
    os.replace(name, "agent.pyz")  # noqa: PTH105


def put_starter(node: str, instance: str) -> None:
    """Write the one way in which it is started: here, and by the guard when the machine boots again."""
    words = [sys.executable, "-I", "-S", "agent.pyz", "--directory", os.getcwd()]  # noqa: PTH109
    words += ["--node", node, "--instance", instance, "--at-end", "power-off"]
    lines = ["cd " + shlex.quote(os.getcwd()), "export CLOUDCLUSTERS_INSTANCE=" + shlex.quote(instance)]  # noqa: PTH109
    lines += ["exec " + " ".join(map(shlex.quote, words)) + " </dev/null >>agent.log 2>&1"]
    name = f"agent.sh.{os.getpid()}"
    with open(name, "w") as file:  # noqa: PTH123
        file.write("\n".join(lines) + "\n")
    os.replace(name, "agent.sh")  # noqa: PTH105


def spawn(node: str, instance: str) -> int:
    """Start it, with nothing of ours open; returns its number."""
    put_bundle()
    put_starter(node, instance)
    child = os.fork()
    if child == 0:
        become()
    return child


def become() -> None:
    """Be the agent, in a session of its own."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.closerange(3, 256)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    os.execve("/bin/sh", ["sh", "agent.sh"], environment)


def main(directory: str, node: str, instance: str) -> None:
    """Exit with 0 when it answers, else with its log on standard error."""
    os.umask(0o077)
    os.makedirs(directory, exist_ok=True)  # noqa: PTH103
    os.chdir(directory)
    child = 0 if answers() else spawn(node, instance)
    for _ in range(TRIES):
        if answers():
            sys.exit(0)
        if child and os.waitpid(child, os.WNOHANG)[0]:
            break  # it may have found another one that is about to answer
        time.sleep(0.005)
    if answers():
        sys.exit(0)
    with open("agent.log", errors="replace") as file:  # noqa: PTH123
        sys.exit("the agent does not start:\n" + file.read()[-2000:])


if __name__ == "__main__":
    main(*sys.argv[1:])
