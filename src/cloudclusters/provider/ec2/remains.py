"""What is there beside a cluster's machines: their disks, what was made of them, and the user's own things in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cloudclusters.base.cloud import Remain
from cloudclusters.base.size import GiB
from cloudclusters.errors import RequestRefused
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.errors import code_of
from cloudclusters.provider.ec2.rates import GP3_MONTH, PRICED
from cloudclusters.provider.ec2.settings import AUTOMATIC, NONE, Ec2Settings
from cloudclusters.provider.ec2.shapes import Machine, Pictures, Snapshots, Volume, Volumes
from cloudclusters.provider.ec2.tags import CLUSTER, by_cluster

GB_MONTH: Mapping[str, float] = {
    "gp3": GP3_MONTH,
    "gp2": 0.10,
    "io1": 0.125,
    "io2": 0.125,
    "st1": 0.045,
    "sc1": 0.015,
    "standard": 0.05,
    "snapshot": 0.05,
}
"""USD per GiB and month in the regions `PRICED`, without paid IOPS and throughput: aws.amazon.com/ebs/pricing, 2025."""
_AT_ONCE = 200
"""Values that AWS takes in one filter."""


def monthly_usd(region: str, kind: str, size_bytes: int) -> float | None:
    """What a disk of this type (or a `snapshot` of that size) costs per month; None where we do not know the price."""
    price = GB_MONTH.get(kind) if region in PRICED else None
    return None if price is None else round(price * size_bytes / GiB, 4)


def what_remains(
    account: Account, region: str, settings: Ec2Settings, cluster: str, machines: Sequence[Machine]
) -> list[Remain]:
    """Disks of these machines and orphaned ones of ours, their snapshots and images, and what the user named."""
    disks = {device.ebs.volume_id: machine for machine in machines for device in machine.block_device_mappings}
    goes = {d.ebs.volume_id for m in machines for d in m.block_device_mappings if d.ebs.delete_on_termination}
    found = [
        _disk(region, volume, disks.get(volume.volume_id), goes=volume.volume_id in goes)
        for volume in (*_volumes(account, region, disks), *orphans(account, region, cluster))
    ]
    found += _made_of(account, region, disks, [machine.instance_id for machine in machines])
    return found + list(_own(settings))


def orphans(account: Account, region: str, cluster: str = "") -> list[Volume]:
    """The disks that bear our tag (of one cluster, or of any) and belong to no machine any more."""
    ours = by_cluster(cluster) if cluster else [{"Name": "tag-key", "Values": [CLUSTER]}]
    filters = [*ours, {"Name": "status", "Values": ["available"]}]
    return list(account.every(region, "describe_volumes", Volumes, Filters=filters).volumes)


def delete_orphans(account: Account, region: str, cluster: str) -> None:
    """Delete the disks of a cluster that belong to no machine any more; one that is gone already is no news."""
    for volume in orphans(account, region, cluster):
        try:
            account.do(region, "delete_volume", VolumeId=volume.volume_id)
        except RequestRefused as exc:
            if code_of(exc) != "InvalidVolume.NotFound":
                raise


def _volumes(account: Account, region: str, disks: Mapping[str, Machine]) -> Iterator[Volume]:
    for some in _pieces(list(disks)):
        filters = [{"Name": "volume-id", "Values": some}]
        yield from account.every(region, "describe_volumes", Volumes, Filters=filters).volumes


def _disk(region: str, volume: Volume, machine: Machine | None, *, goes: bool) -> Remain:
    ours = CLUSTER in volume.words  # what its machine leaves of these is deleted when the holding is released
    if machine is None:
        why = "belongs to no machine any more"
    else:
        why = f"of {machine.instance_id}" if ours or goes else f"yours, attached to {machine.instance_id}"
    size = volume.size * GiB
    return Remain(
        kind="disk",
        id=volume.volume_id,
        size_bytes=size,
        monthly_usd=monthly_usd(region, volume.volume_type, size),
        why=why,
        machine="" if machine is None else machine.instance_id,
        goes=goes or ours,
    )


def _made_of(account: Account, region: str, disks: Mapping[str, Machine], machines: Sequence[str]) -> Iterator[Remain]:
    for some in _pieces(machines):
        filters = [{"Name": "source-instance-id", "Values": some}]
        for image in account.every(region, "describe_images", Pictures, Owners=["self"], Filters=filters).images:
            why = "yours, made of a node; its snapshots are what is paid"
            yield Remain(kind="image", id=image.image_id, why=why, machine=image.source_instance_id)
    for some in _pieces(list(disks)):
        filters = [{"Name": "volume-id", "Values": some}]
        for row in account.every(region, "describe_snapshots", Snapshots, OwnerIds=["self"], Filters=filters).snapshots:
            size = row.volume_size * GiB
            cost = monthly_usd(region, "snapshot", size)
            yield Remain(
                kind="snapshot",
                id=row.snapshot_id,
                size_bytes=size,
                monthly_usd=cost,
                why=f"yours, made of {row.volume_id}; paid at most so",
                machine=disks[row.volume_id].instance_id,
            )


def _own(settings: Ec2Settings) -> Iterator[Remain]:
    """What the user named is used and left alone; none of it costs anything."""
    named = [("security group", group) for group in settings.security_groups]
    named += [("key pair", settings.key_name)] if settings.key_name else []
    if settings.placement_group not in (AUTOMATIC, NONE):
        named.append(("placement group", settings.placement_group))
    return (Remain(kind=kind, id=name, why="yours") for kind, name in named)


def _pieces(values: Sequence[str]) -> Iterator[list[str]]:
    return (list(values[at : at + _AT_ONCE]) for at in range(0, len(values), _AT_ONCE))
