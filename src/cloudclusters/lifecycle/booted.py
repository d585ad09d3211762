"""The end of a machine's first boot, where the user has a script of his own in it."""

from __future__ import annotations

from collections.abc import Collection

from cloudclusters.base.gather import gather
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import run_to_end
from cloudclusters.lifecycle.links import open_one
from cloudclusters.store.record import ClusterRecord, NodeRecord

LOG_LINES = 25
_WAIT = ("cloud-init", "status", "--wait")
_LOG = ("sh", "-c", "cat /var/log/cloud-init-output.log 2>/dev/null || sudo -n cat /var/log/cloud-init-output.log")


async def first_boot_done(ctx: Context, record: ClusterRecord, nodes: Collection[NodeRecord]) -> None:
    """Wait for the end of the user's own first-boot script on these nodes; raises `NodeError` with its log."""
    if record.plan.settings.get("first_boot"):
        await gather(_first_boot_done(ctx, record, node) for node in nodes)


async def _first_boot_done(ctx: Context, record: ClusterRecord, node: NodeRecord) -> None:
    link = await open_one(ctx, record, node)
    ctx.tell(record.handle, "first boot", node=node.name)
    code, said = await run_to_end(link, _WAIT)
    if code != 0:
        _, log = await run_to_end(link, _LOG)
        tail = "\n".join(log.splitlines()[-LOG_LINES:])
        raise NodeError(
            f"the first-boot script failed on {node.name} ({said.strip() or code}); the end of its log:\n{tail}",
            hint=f"mend {record.plan.settings['first_boot']} and deploy again; `keep` leaves the machines to look at",
        )
