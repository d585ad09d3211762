"""An SSH server that lets everybody in, with a host key that is not the machine's: `python impostor.py KEY NOTES`.

Writes to NOTES who met it, and everything that it is given.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncssh


class Impostor(asyncssh.SSHServer):
    """Lets in whoever does not look at its key."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Somebody came."""
        note("met")

    def begin_auth(self, username: str) -> bool:
        """Somebody wants to log in, and may."""
        note(f"given the name {username}")
        return False


def note(text: str) -> None:
    """Keep it."""
    with Path(sys.argv[2]).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


async def main() -> None:
    """Answer at port 22 until killed."""
    handle = note_command
    await asyncssh.listen("", 22, server_factory=Impostor, server_host_keys=[sys.argv[1]], process_factory=handle)
    print("ready", flush=True)
    await asyncio.Event().wait()


def note_command(process: asyncssh.SSHServerProcess) -> None:
    """Somebody sends a command."""
    note(f"given the command {process.command}")
    process.exit(0)


if __name__ == "__main__":
    asyncio.run(main())
