"""Starting the agent of a node in a session of its own: a terminal's Ctrl-C does not reach it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cloudclusters.agent
from cloudclusters.errors import ProviderError
from cloudclusters.provider.local.folder import NodeFile
from cloudclusters.provider.local.system import MARK

_OURS = ("CLOUDCLUSTERS_", "CLOUD_CLUSTERS_")
_RUN = "import sys; sys.path.append(sys.argv.pop(1)); import agent; agent.main(sys.argv[1:])"
"""Imported, not run as a script: so it is compiled once, not at every start."""


def spawn_agent(folder: Path, node: NodeFile) -> int:
    """Start the agent in this folder and return its number at once; raises OSError."""
    if not sys.executable:
        raise ProviderError("this Python does not know its own executable", hint="run python, not an embedded one")
    # Without `site`: the agent needs the standard library only, and to start fast.
    argv = [sys.executable, "-I", "-S", "-c", _RUN, str(Path(cloudclusters.agent.__file__).parent)]
    argv += ["--directory", str(folder), "--node", node.slot.name, "--instance", node.id]
    env = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    env[MARK.decode().rstrip("=")] = node.id
    log = (os.POSIX_SPAWN_OPEN, 1, str(folder / "agent.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), log, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawn(sys.executable, argv, env, file_actions=actions, setsid=True, setsigmask=[])
