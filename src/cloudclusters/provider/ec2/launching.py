"""One call for all machines of a launch: all or nothing, tagged in the call, and the same for the same token."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cloudclusters.base.cloud import Holding, Launch, Market
from cloudclusters.base.json import digest
from cloudclusters.base.size import GiB
from cloudclusters.errors import ProviderError, QuotaExceeded, RequestRefused, Throttled
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.errors import code_of
from cloudclusters.provider.ec2.images import Image, find_image
from cloudclusters.provider.ec2.network import allow_rdma, groups_for_launch, placement_for_launch, subnet_of
from cloudclusters.provider.ec2.quota import Need, check_quota, enriched, read_quota
from cloudclusters.provider.ec2.settings import Ec2Settings
from cloudclusters.provider.ec2.shapes import Kind, Kinds, Machine, Machines, Reservations
from cloudclusters.provider.ec2.tags import PREFIX, by_cluster, disk_tag, holding_tags, machine_tags, specification

MOST_USER_DATA = 16 * 1024
"""Bytes that AWS takes of a first-boot text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a launch's call says, worked out."""

    settings: Ec2Settings
    holding: Holding
    launch: Launch
    image: Image
    groups: list[str]
    placement: str


def run_machines(
    account: Account, region: str, settings: Ec2Settings, holding: Holding, launch: Launch
) -> list[Machine]:
    """The machines of a launch: those that its token made before, also if they are gone, or new ones."""
    earlier = _earlier(account, region, holding, launch)
    if len(earlier) >= len(launch.slots):
        return earlier
    check_launch(launch)
    kind = find_kind(account, region, launch.offer.instance_type)
    need = Need(
        instance_type=kind.instance_type,
        market=launch.offer.market,
        vcpus=kind.v_cpu_info.default_v_cpus * len(launch.slots),
    )
    quota = read_quota(account, region, need)
    check_quota(quota, need, region)
    asked = _worked_out(account, region, settings, holding, launch, kind)
    try:
        return list(account.ask(region, "run_instances", Machines, **asked).instances)
    except QuotaExceeded as exc:
        raise enriched(exc, quota, need, region) from exc.__cause__
    except ProviderError as exc:
        if code_of(exc) != "IdempotentParameterMismatch":
            raise
        return _of_then(account, region, holding, launch, exc)


def _worked_out(
    account: Account, region: str, settings: Ec2Settings, holding: Holding, launch: Launch, kind: Kind
) -> dict[str, object]:
    """What RunInstances is told, with everything made that it names."""
    if launch.rdma and not kind.network_info.efa_supported:
        raise RequestRefused(
            f"{kind.instance_type} has no EFA, EC2's network for RDMA", hint="choose a type whose network is EFA"
        )
    image = find_image(account, region, settings, kind, launch.image)
    groups = groups_for_launch(account, region, settings, holding)
    if launch.rdma and not settings.security_groups:
        allow_rdma(account, region, groups)
    able = "cluster" in kind.placement_group_info.supported_strategies
    count = len(launch.slots)
    placement = placement_for_launch(account, region, settings, holding, able=able, count=count)
    asked = Request(settings=settings, holding=holding, launch=launch, image=image, groups=groups, placement=placement)
    return request(asked, zone_of(account, region, asked))


def _of_then(account: Account, region: str, holding: Holding, launch: Launch, error: ProviderError) -> list[Machine]:
    """The machines of a token that was used with another image, or settings, of then: only their tags are the truth."""
    found = _earlier(account, region, holding, launch)
    if len(found) < len(launch.slots):  # not even none of them means that there is none: AWS says that it made them
        text = f"ec2 in {region} shows {len(found)} of the {len(launch.slots)} machines of launch {launch.token}"
        raise Throttled(f"{text}, which it made before") from error
    return found


def check_launch(launch: Launch) -> None:
    """Raise `RequestRefused` for what AWS would not take, before it is asked."""
    size = len(launch.user_data.encode())
    if size > MOST_USER_DATA:
        raise RequestRefused(
            f"the first-boot text has {size} bytes, and EC2 takes {MOST_USER_DATA}",
            hint="make [ec2] first_boot shorter; let it fetch what is long",
        )


def find_kind(account: Account, region: str, name: str) -> Kind:
    """What AWS tells of an instance type. Raises `RequestRefused` for one that it does not know."""

    def ask() -> Kind:
        return account.ask(region, "describe_instance_types", Kinds, InstanceTypes=[name]).instance_types[0]

    return account.known(("type", region, name), ask)


def zone_of(account: Account, region: str, asked: Request) -> str:
    """The zone that a launch must name; empty where a subnet, or AWS, chooses. Raises where the two disagree."""
    wanted = asked.launch.offer.place.zone or asked.settings.zone
    if not asked.settings.subnet_id:
        return wanted
    seat = subnet_of(account, region, asked.settings.subnet_id).availability_zone
    if wanted and seat and wanted != seat:
        raise RequestRefused(
            f"the subnet {asked.settings.subnet_id} is in {seat}, and the machines shall be in {wanted}",
            hint="correct [ec2] subnet_id or zone",
        )
    return ""


def request(asked: Request, zone: str) -> dict[str, object]:
    """What RunInstances is told; the same for the same launch."""
    holding, launch, settings = asked.holding, asked.launch, asked.settings
    count = len(launch.slots)
    tags = machine_tags(holding, launch, asked.image.user) | disk_tag(_disk_gib(asked))
    disk_tags = {**holding_tags(holding), f"{PREFIX}token": launch.token}
    said: dict[str, object] = {
        "ClientToken": client_token(holding, launch),
        "MinCount": count,
        "MaxCount": count,
        "InstanceType": launch.offer.instance_type,
        "ImageId": asked.image.id,
        "TagSpecifications": [specification("instance", tags), specification("volume", disk_tags)],
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "disabled",
        },
        "Monitoring": {"Enabled": False},
        "BlockDeviceMappings": [_disk(asked)],
        "NetworkInterfaces": [_interface(asked)],
    }
    placement = {"AvailabilityZone": zone, "GroupName": asked.placement}
    said |= {"Placement": {key: value for key, value in placement.items() if value}} if any(placement.values()) else {}
    said |= {"UserData": launch.user_data} if launch.user_data else {}
    said |= {"KeyName": settings.key_name} if settings.key_name else {}
    said |= {"IamInstanceProfile": {"Name": settings.instance_profile}} if settings.instance_profile else {}
    said |= {"InstanceInitiatedShutdownBehavior": launch.at_limit.value}
    return said | (_spot(settings) if launch.offer.market is Market.SPOT else {})


def client_token(holding: Holding, launch: Launch) -> str:
    """AWS' token of a launch: one for each token of each cluster, in at most 64 characters."""
    return f"cc-{digest([holding.cluster, launch.token])[:48]}"


def _earlier(account: Account, region: str, holding: Holding, launch: Launch) -> list[Machine]:
    """The machines that this token made, as AWS still knows them."""
    filters = [*by_cluster(holding.cluster), {"Name": f"tag:{PREFIX}token", "Values": [launch.token]}]
    return account.every(region, "describe_instances", Reservations, Filters=filters).machines


def _disk_gib(asked: Request) -> int:
    """The size of the root disk; 0 where only AWS knows the image's."""
    return math.ceil(max(asked.launch.disk_bytes or 0, asked.image.disk_bytes) / GiB)


def _disk(asked: Request) -> dict[str, object]:
    size = _disk_gib(asked)
    ebs: dict[str, object] = {"VolumeType": "gp3", "DeleteOnTermination": True}
    return {"DeviceName": asked.image.root_device, "Ebs": ebs | ({"VolumeSize": size} if size else {})}


def _interface(asked: Request) -> dict[str, object]:
    said: dict[str, object] = {
        "DeviceIndex": 0,
        "Groups": asked.groups,
        "AssociatePublicIpAddress": asked.settings.public_address,
        "DeleteOnTermination": True,
    }
    said |= {"SubnetId": asked.settings.subnet_id} if asked.settings.subnet_id else {}
    return said | ({"InterfaceType": "efa"} if asked.launch.rdma else {})


def _spot(settings: Ec2Settings) -> dict[str, object]:
    options = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    options |= {"MaxPrice": settings.max_price} if settings.max_price else {}
    return {
        "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options},
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
