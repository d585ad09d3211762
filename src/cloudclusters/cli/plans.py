"""A plan in a few words, and by the words of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudclusters.base.table import usd

if TYPE_CHECKING:
    from cloudclusters.cli.console import Row
    from cloudclusters.contract.document import Plan


def price_of(plan: Plan) -> str:
    """The price per hour in a sentence."""
    if plan.hourly_usd is None:
        return "an unknown price per hour"
    return "nothing per hour" if plan.hourly_usd == 0 else f"${usd(plan.hourly_usd)} per hour"


def in_short(plan: Plan) -> str:
    """The plan in a few words: `4 x g6.48xlarge at ec2 in us-east-1`."""
    parts = [f"{role.count} x {role.offer.instance_type}" for role in plan.roles]
    place = plan.roles[0].offer.place
    where = f" in {place}" if place.region else ""
    return f"{' and '.join(parts)} at {plan.provider}{where}"


def plan_row(plan: Plan) -> Row:
    """The plan by the words of the package."""
    return {
        "contract": plan.contract,
        "digest": plan.digest,
        "cluster_type": plan.cluster_type.value,
        "provider": plan.provider,
        "engine": plan.engine,
        "environment": plan.environment,
        "nodes": plan.node_count,
        "hourly_usd": plan.hourly_usd,
        "roles": [
            {
                "role": role.role,
                "nodes": role.count,
                "provider": role.offer.provider,
                "instance_type": role.offer.instance_type,
                "region": role.offer.place.region,
                "zone": role.offer.place.zone,
                "market": role.offer.market.value,
                "hourly_usd": role.offer.hourly_usd,
                "disk_bytes": role.disk_bytes,
                "rdma": role.rdma,
                "fallbacks": role.fallbacks,
            }
            for role in plan.roles
        ],
        "warnings": plan.warnings,
    }
