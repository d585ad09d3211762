"""The machines of a cluster that are entered over SSH: one kept connection each, for all verbs of this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import NodeError
from cloudclusters.remote.node import Node
from cloudclusters.remote.ssh.access import Access, Opener

if TYPE_CHECKING:
    from cloudclusters.remote.ssh.agent import Seat
    from cloudclusters.remote.ssh.host import Host


class Hosts:
    """A cluster's hosts by node name. `cluster` begins their aliases: `CLUSTER-node0`.

    Used on one loop. Imports asyncssh when the first node is reached, not before.
    """

    def __init__(self, cluster: str, access: Access) -> None:
        self.cluster = cluster
        self.opener = Opener(access)
        self._hosts: dict[str, Host] = {}

    def alias(self, node: str) -> str:
        """What a node is called in the known hosts and for plain `ssh`."""
        return f"{self.cluster}-{node}"

    async def host(self, node: str, endpoint: SshEndpoint) -> Host:
        """The host of a node, the same one each time; when its address has changed its connection ends.

        Forwards keep their ports. Connects to nothing. Raises `NodeError` when the node that it is reached
        through is not known yet.
        """
        from cloudclusters.remote.ssh.host import Host

        if endpoint.jump and endpoint.jump not in self._hosts:
            raise NodeError(f"{node} is reached through {endpoint.jump}, which was not entered yet")
        jump = self._hosts[endpoint.jump] if endpoint.jump else None
        found = self._hosts.get(node)
        if found is None:
            found = self._hosts[node] = Host(self.alias(node), endpoint, self.opener, jump=jump)
        else:
            await found.move(endpoint, jump=jump)
        return found

    async def admit(self, node: str, endpoint: SshEndpoint, one_time: str, *, key_path: str = "") -> Host:
        """Enter a fresh machine by its one-time host key (the public line), which is replaced at once.

        Afterwards its final key is pinned and the connection is the kept one. May be repeated; see `replace_host_key`.
        """
        from cloudclusters.remote.ssh.replace import KEY, replace_host_key

        host = await self.host(node, endpoint)
        made = await replace_host_key(
            host.alias, endpoint, self.opener, one_time, jump=host.jump, key_path=key_path or KEY
        )
        self._hosts[node] = made
        await host.close()
        return made

    async def connect(self, seat: Seat, endpoint: SshEndpoint, bundle: bytes, *, timeout: float = 30.0) -> Node:
        """Connect to a node's agent, which is sent and started where none runs; see `connect_node`.

        To let go of the node that is returned keeps the connection for the next one; `close` ends it.
        """
        from cloudclusters.remote.ssh.agent import connect_node

        return await connect_node(await self.host(seat.node, endpoint), seat, bundle, timeout=timeout)

    async def drop(self, node: str) -> None:
        """Forget a machine that is gone."""
        host = self._hosts.pop(node, None)
        if host is not None:
            await host.close()

    async def close(self) -> None:
        """End all connections and forwards; what runs on the nodes goes on. May be repeated."""
        hosts, self._hosts = self._hosts, {}
        # Those behind others first: a tunnel that ends under them would look like a loss.
        for layer in (True, False):
            await asyncio.gather(*(h.close() for h in hosts.values() if (h.jump is not None) is layer))
