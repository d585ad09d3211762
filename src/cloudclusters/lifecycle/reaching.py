"""How this process reaches the nodes of clusters: by a socket on this machine, or over SSH with the cluster's keys."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Collection
from pathlib import Path

from cloudclusters.base.cloud import Instance, SocketEndpoint, SshEndpoint
from cloudclusters.errors import NodeUnreachable
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.words import is_host_key
from cloudclusters.remote import connect
from cloudclusters.remote.node import Node
from cloudclusters.remote.ssh import Access, Hosts, NoAnswer, fingerprint, parse_flags
from cloudclusters.remote.ssh.trouble import refused_host_key
from cloudclusters.store.record import ClusterRecord, NodeRecord

FOLDER = ".cloudclusters"
"""Where our things lie on machines of a cloud, below the login directory."""


class Reaching:
    """The kept connections of one process; used on the core loop."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._hosts: dict[str, Hosts] = {}
        self._admitted: set[tuple[str, str, str]] = set()

    def hosts(self, record: ClusterRecord) -> Hosts:
        """The machines of a cluster that are entered over SSH; connects to none of them."""
        found = self._hosts.get(record.handle)
        if found is None:
            found = self._hosts[record.handle] = Hosts(record.handle, access(self._home, record))
        return found

    async def connect(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> Node:
        """Connect to the agent of a node within `timeout` seconds, or raise `NodeUnreachable`.

        A machine that was never entered is entered by its one-time host key, which it replaces at once; then the agent
        is sent and started.
        """
        assert node.instance is not None
        match node.instance.endpoint:
            case SocketEndpoint() as endpoint:
                return await connect(endpoint, timeout=timeout)
            case SshEndpoint() as endpoint:
                return await self._over_ssh(record, node, endpoint, timeout)
            case None:
                raise NodeUnreachable(f"{node.name} of {record.handle} has no address yet")

    async def knock(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> bool:
        """Whether a node's machine takes connections within `timeout` seconds, or refuses them; this one does."""
        endpoint = node.instance.endpoint if node.instance is not None else None
        if not isinstance(endpoint, SshEndpoint):
            return endpoint is not None
        if endpoint.jump:
            return False
        try:
            async with asyncio.timeout(timeout):
                port = self.hosts(record).opener.port(endpoint)
                _, writer = await asyncio.open_connection(endpoint.host, port)
        except ConnectionRefusedError:
            return True
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    async def leave(self, cluster: str, nodes: Collection[str] | None = None) -> None:
        """End the connections to a cluster's nodes, or to these, which are gone for good; what runs there goes on."""
        hosts = self._hosts.get(cluster)
        if hosts is None:
            return
        if nodes is None:
            del self._hosts[cluster]
            await hosts.close()
            return
        for node in nodes:
            await hosts.drop(node)
        hosts.opener.known_hosts.forget(*map(hosts.alias, nodes))

    async def _over_ssh(self, record: ClusterRecord, node: NodeRecord, endpoint: SshEndpoint, timeout: float) -> Node:
        from cloudclusters.remote.ssh.agent import Seat

        hosts = self.hosts(record)
        assert node.instance is not None
        seat = Seat(node=node.name, instance=node.instance.id, directory=directory(record, node))
        try:
            async with asyncio.timeout(timeout):
                await self._enter(hosts, record, node, endpoint)
                return await hosts.connect(seat, endpoint, _bundle(), timeout=timeout)
        except TimeoutError as exc:
            # No packet came back, as with a firewall that does not know our address; or it came, and not to an end.
            kind = NodeUnreachable if (await hosts.host(node.name, endpoint)).is_connected else NoAnswer
            raise kind(f"{hosts.alias(node.name)} did not let us in within {timeout:g} s") from exc

    async def _enter(self, hosts: Hosts, record: ClusterRecord, node: NodeRecord, endpoint: SshEndpoint) -> None:
        """Have the machine replace its one-time host key, if that is still trusted."""
        known, alias = hosts.opener.known_hosts, hosts.alias(node.name)
        if record.adopted and not known.of(alias) and node.instance is not None:
            known.pin(alias, await _proven(hosts, node.instance, node.name, endpoint))
        key = (record.handle, node.token, node.name)
        one_time = keys.trusted_first(self._home, record.handle, node.token)
        if one_time and key not in self._admitted:
            await hosts.admit(node.name, endpoint, one_time)
            self._admitted.add(key)


async def _proven(hosts: Hosts, instance: Instance, node: str, endpoint: SshEndpoint) -> str:
    """The host key that a machine shows, if it is the one whose fingerprint stands with the machines."""
    from cloudclusters.remote.ssh.dial import shown_key

    line = await shown_key(hosts.alias(node), endpoint, hosts.opener)
    if not is_host_key(instance.words, node, line):
        raise refused_host_key(hosts.alias(node), fingerprint(line), (), "the words of its machines (tags)")
    return line


def access(home: Path, record: ClusterRecord) -> Access:
    """The keys and flags by which a cluster's nodes are entered; raises `InvalidSetting` for flags that are none."""
    place = keys.folder(home, record.handle)
    return Access(
        key_file=str(place / keys.CLIENT),
        known_hosts=str(place / keys.KNOWN_HOSTS),
        flags=parse_flags(str(record.plan.settings.get("sshflags", ""))),
    )


def directory(record: ClusterRecord, node: NodeRecord) -> str:
    """The directory of a node's agent, below the login directory."""
    return f"{FOLDER}/{record.handle}/{node.name}"


def working_directory(record: ClusterRecord, node: NodeRecord) -> str:
    """Where workers and commands run on a node, as its agent takes it; empty is the node's own directory.

    The setting `directory`: what is not absolute lies in the login directory of machines that are entered over SSH, and
    in the node's own directory on this machine.
    """
    path = str(record.plan.settings.get("directory") or "")
    over_ssh = node.instance is not None and isinstance(node.instance.endpoint, SshEndpoint)
    return f"~/{path}" if over_ssh and path and not path.startswith(("/", "~")) else path


@functools.cache
def _bundle() -> bytes:
    from cloudclusters import agent

    return agent.bundle()
