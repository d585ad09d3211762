"""The program that runs on every node: it starts, watches, restarts and logs processes, and lets go of them.

It is sent to machines that have nothing of ours: its modules import each other relatively and the standard
library otherwise, and run on Python 3.8. All are imported at the start, so that the agent goes on as it is
when its files are replaced or deleted. It has one thread and one loop; nothing in it waits but the loop.
"""

from __future__ import annotations

import os
import sys

_RUN = (
    "import gc, sys; gc.disable(); sys.path.append(sys.argv.pop(1)); "
    "from agent.main import main; gc.enable(); main(sys.argv[1:])"
)
"""Imported, not run as a script: so it is compiled once, not at every start. At the end of the path, so that nothing
beside it hides the library. Nothing is garbage meanwhile, and not to look for it saves what a few modules cost."""
_MAIN = "import sys\nfrom agent.main import main\n\nmain(sys.argv[1:])\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def command() -> list[str]:
    """Words that start the agent as it is installed here, in this Python; its own options come after them."""
    # Without `site`: the agent needs the standard library only, and to start fast.
    return [sys.executable, "-I", "-S", "-c", _RUN, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]


def bundle() -> bytes:
    """The agent as one file, to be sent to a node and run there: `python3 agent.pyz --directory …`.

    It is the same for the same release, byte by byte, on every machine.
    """
    import io
    import zipfile

    folder = os.path.dirname(os.path.abspath(__file__))
    texts = {"__main__.py": _MAIN.encode()}
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".py")):
        with open(os.path.join(folder, name), "rb") as file:
            texts[f"agent/{name}"] = file.read()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:  # not compressed: compressors differ between machines
        for path, text in texts.items():
            entry = zipfile.ZipInfo(path, _LONG_AGO)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, text)
    return made.getvalue()
