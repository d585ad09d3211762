"""One daemon, ready to be entered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from ssh_machine import Sshd

from cloudclusters.remote.ssh import Access, Hosts, KnownHosts
from cloudclusters.remote.ssh.host import Host


class Site:
    """A daemon, entered: its host among the hosts of a cluster, with its key pinned."""

    def __init__(self, sshd: Sshd, access: Access) -> None:
        self.sshd, self.access = sshd, access
        KnownHosts(Path(access.known_hosts)).pin("c-node0", sshd.host_key.public)

    @asynccontextmanager
    async def entered(self, node: str = "node0") -> AsyncIterator[Host]:
        """The host, let go of at the end."""
        hosts = Hosts("c", self.access)
        try:
            yield await hosts.host(node, self.sshd.endpoint)
        finally:
            await hosts.close()

    def play(self, test: Callable[[Host], Coroutine[object, object, None]]) -> None:
        """Run a test with the host."""

        async def main() -> None:
            async with self.entered() as host:
                await test(host)

        asyncio.run(main())
