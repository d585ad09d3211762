"""Starting the agent of a node in a session of its own: a terminal's Ctrl-C does not reach it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cloudclusters.agent import command
from cloudclusters.errors import ProviderError
from cloudclusters.provider.local.folder import NodeFile
from cloudclusters.provider.local.system import MARK

_OURS = ("CLOUDCLUSTERS_", "CLOUD_CLUSTERS_")


def spawn_agent(folder: Path, node: NodeFile) -> int:
    """Start the agent in this folder and return its number at once; raises OSError."""
    if not sys.executable:
        raise ProviderError("this Python does not know its own executable", hint="run python, not an embedded one")
    argv = [*command(), "--directory", str(folder), "--node", node.slot.name, "--instance", node.id]
    env = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    env[MARK.decode().rstrip("=")] = node.id
    log = (os.POSIX_SPAWN_OPEN, 1, str(folder / "agent.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), log, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawn(sys.executable, argv, env, file_actions=actions, setsid=True, setsigmask=[])
