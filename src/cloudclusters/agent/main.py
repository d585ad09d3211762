"""Being the agent of a directory until told to end."""

from __future__ import annotations

import os
import sys

from .identity import take, write_identity
from .node import Node
from .serve import Server, listen
from .spawn import READY_FD
from .strays import kill_leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(arguments: list[str]) -> NoReturn:
    """`--directory D --node NAME --instance ID`: be the agent of a directory until told to end.

    With `--at-end power-off` the whole machine is the node, and goes when a limit strikes.
    """
    given = dict(zip(arguments[::2], arguments[1::2]))  # noqa: B905  Python 3.8 has no `strict`
    at_end = given.pop("--at-end", "")
    if len(arguments) % 2 or set(given) != {"--directory", "--node", "--instance"} or at_end not in ("", "power-off"):
        sys.exit("usage: agent --directory D --node NAME --instance ID [--at-end power-off]")
    directory = os.path.abspath(given["--directory"])
    os.umask(0o077)
    while os.open(os.devnull, os.O_RDWR) < READY_FD:
        pass  # numbers up to that one have a meaning in our children
    os.chdir(directory)
    os.chmod(directory, 0o700)
    if os.getsid(0) != os.getpid() and os.getpgrp() != os.getpid():
        os.setsid()
    take(directory)
    kill_leftovers(directory, given["--instance"])
    node = Node(directory, given["--node"], given["--instance"], is_machine=bool(at_end))
    listener = listen()
    write_identity(node)
    Server(node, listener).serve()
    sys.exit(0)
