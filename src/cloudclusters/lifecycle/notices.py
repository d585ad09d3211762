"""What an agent is told about notices that its machine is taken back: where to hear them, and what to do then."""

from __future__ import annotations

import json

from cloudclusters.base.cloud import Market
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.first_boot import read_script
from cloudclusters.store.record import ClusterRecord, NodeRecord

ON_NOTICE = "on_notice"
"""The setting that names the user's script, and the script's name on a node."""
_FILE, _HOOK = "notices.json", f"hooks/{ON_NOTICE}"


def notice_files(ctx: Context, record: ClusterRecord, node: NodeRecord) -> list[dict[str, object]]:
    """The files that a node's agent reads, as the request `write` has them. Blocks; raises `InvalidSetting`."""
    script = read_script(record.plan, ON_NOTICE)
    metadata = ctx.provider(record.holding.provider).traits.metadata if node.offer.market is Market.SPOT else ""
    wish = {
        "metadata": metadata,
        "rebalance": retires_early(record),
        "on_notice": _HOOK if script else "",
    }
    hook: list[dict[str, object]] = [{"path": _HOOK, "text": script, "mode": 0o700}] if script else []
    return [*hook, {"path": _FILE, "text": json.dumps(wish), "mode": 0o600}]


def retires_early(record: ClusterRecord) -> bool:
    """Whether workers give way already when that is only recommended."""
    return record.plan.settings.get("on_rebalance") == "retire"
