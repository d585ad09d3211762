"""The verbs on nodes that die, blocking: another machine in the place of one, and a loss as a rehearsal."""

from __future__ import annotations

from cloudclusters.api.cluster import Cluster, kept
from cloudclusters.api.session import Session, session
from cloudclusters.api.targets import Target, handle_of
from cloudclusters.api.verbs import part
from cloudclusters.api.watching import unwatched
from cloudclusters.base.loop import core_loop
from cloudclusters.base.notice import INTERRUPTION
from cloudclusters.store.record import ClusterRecord


def replace(cluster: Target, node: str, *, buy: bool = True) -> Cluster:
    """Buy another machine in the place of a node's, start its workers, and delete the old machine with its disk.

    Without `buy` the cluster goes on with one node less. The offer is the node's own, else another of the plan's in the
    region; on demand after three losses of spot machines within an hour. The new node has a name and pids of its own;
    what Dask held on the old one is computed again. When the scheduler was on it, all processes are started anew, and
    it moves. When nothing can be bought the cluster is as it was (`NoCapacity`). Raises also `UnknownName`,
    `NotSupported`, `IllegalState`, `NodeError`.

    >>> cc.replace(cluster, "node1")  # doctest: +SKIP
    """
    of = session()
    found = _cluster(cluster, of)
    part_from(found, node, of)
    core_loop().run(replacing(of, found.handle, node, buy=buy))
    return found


def simulate_interruption(cluster: Target, node: str, *, notice: float = 120.0, kind: str = INTERRUPTION) -> Cluster:
    """Give a node the notice that its machine is taken back, and after `notice` seconds delete the machine.

    As the provider of a spot machine would, on any machine: its workers hand over, hooks are called, and the setting
    `on_lost` says what becomes of the node. It is a real loss of the machine and its disk. Waits until its end was
    asked for. With `kind="rebalance"` nothing is deleted. Raises `UnknownName`, `InvalidContract`, `NodeError`.

    >>> cc.simulate_interruption(cluster, "node1", notice=30)  # doctest: +SKIP
    """
    from cloudclusters.lifecycle.interruption import simulate_interruption as verb

    of = session()
    found = _cluster(cluster, of)
    core_loop().run(verb(of.context, found.handle, node, notice=notice, kind=kind))
    return found


def part_from(cluster: Cluster, node: str, of: Session) -> None:
    """Close our clients when the scheduler is on the node: all processes end, and it moves. Blocks."""
    if cluster.members[:1] and cluster.members[0].name == node:
        part(of, [cluster.handle])


async def replacing(of: Session, handle: str, node: str, *, buy: bool) -> ClusterRecord:
    """`replace` on the core loop, while the watch rests."""
    from cloudclusters.lifecycle.replacing import replace as verb

    async with unwatched(of, [handle]):
        return await verb(of.context, handle, node, buy=buy)


def _cluster(target: Target, of: Session) -> Cluster:
    return target if isinstance(target, Cluster) else kept(of, handle_of(target, of))
