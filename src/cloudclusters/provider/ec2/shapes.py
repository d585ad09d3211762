"""The parts of AWS' answers that we read."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Fields are named as AWS names them; what is not listed is not read."""


class Tag(Shape, frozen=True, kw_only=True):
    """One tag."""

    key: str
    value: str = ""


class Tagged(Shape, frozen=True, kw_only=True):
    """Something with tags."""

    tags: tuple[Tag, ...] = ()

    @property
    def words(self) -> dict[str, str]:
        """The tags by key."""
        return {tag.key: tag.value for tag in self.tags}


class Named(Shape, frozen=True, kw_only=True):
    """Something that has a name: a state."""

    name: str


class Reason(Shape, frozen=True, kw_only=True):
    """Why a machine is as it is."""

    code: str = ""
    message: str = ""


class Zone(Shape, frozen=True, kw_only=True):
    """Where a machine is."""

    availability_zone: str = ""


class AttachedDisk(Shape, frozen=True, kw_only=True):
    """A disk of a machine."""

    volume_id: str = ""
    delete_on_termination: bool = False


class Attached(Shape, frozen=True, kw_only=True):
    """A disk of a machine, with the name it is found by."""

    ebs: AttachedDisk = AttachedDisk()


class Machine(Tagged, frozen=True, kw_only=True):
    """An instance."""

    instance_id: str
    instance_type: str
    state: Named
    ami_launch_index: int = 0
    placement: Zone = Zone()
    instance_lifecycle: str = ""
    public_ip_address: str = ""
    private_ip_address: str = ""
    launch_time: datetime | None = None
    state_reason: Reason = Reason()
    state_transition_reason: str = ""
    block_device_mappings: tuple[Attached, ...] = ()


class Machines(Shape, frozen=True, kw_only=True):
    """RunInstances' answer, and one reservation of DescribeInstances."""

    instances: tuple[Machine, ...] = ()


class Reservations(Shape, frozen=True, kw_only=True):
    """DescribeInstances' answer."""

    reservations: tuple[Machines, ...] = ()

    @property
    def machines(self) -> list[Machine]:
        """All of them."""
        return [machine for some in self.reservations for machine in some.instances]


class Block(Shape, frozen=True, kw_only=True):
    """A block of addresses in a rule."""

    cidr_ip: str = ""
    cidr_ipv6: str = ""
    description: str = ""


class Pair(Shape, frozen=True, kw_only=True):
    """A group in a rule."""

    group_id: str = ""


class Rule(Shape, frozen=True, kw_only=True):
    """A rule of a firewall."""

    ip_protocol: str
    from_port: int = -1
    to_port: int = -1
    ip_ranges: tuple[Block, ...] = ()
    ipv6_ranges: tuple[Block, ...] = ()
    user_id_group_pairs: tuple[Pair, ...] = ()


class Group(Tagged, frozen=True, kw_only=True):
    """A security group."""

    group_id: str
    vpc_id: str = ""
    ip_permissions: tuple[Rule, ...] = ()


class Groups(Shape, frozen=True, kw_only=True):
    """DescribeSecurityGroups' answer."""

    security_groups: tuple[Group, ...] = ()


class PlacementGroup(Tagged, frozen=True, kw_only=True):
    """A placement group."""

    group_name: str


class PlacementGroups(Shape, frozen=True, kw_only=True):
    """DescribePlacementGroups' answer."""

    placement_groups: tuple[PlacementGroup, ...] = ()


class Volume(Tagged, frozen=True, kw_only=True):
    """A disk."""

    volume_id: str
    size: int = 0
    volume_type: str = ""


class Volumes(Shape, frozen=True, kw_only=True):
    """DescribeVolumes' answer."""

    volumes: tuple[Volume, ...] = ()


class Snapshot(Shape, frozen=True, kw_only=True):
    """A snapshot of a disk."""

    snapshot_id: str
    volume_id: str = ""
    volume_size: int = 0


class Snapshots(Shape, frozen=True, kw_only=True):
    """DescribeSnapshots' answer."""

    snapshots: tuple[Snapshot, ...] = ()


class Subnet(Shape, frozen=True, kw_only=True):
    """A subnet."""

    vpc_id: str
    availability_zone: str = ""


class Subnets(Shape, frozen=True, kw_only=True):
    """DescribeSubnets' answer."""

    subnets: tuple[Subnet, ...] = ()


class Vpc(Shape, frozen=True, kw_only=True):
    """A virtual network."""

    vpc_id: str


class Vpcs(Shape, frozen=True, kw_only=True):
    """DescribeVpcs' answer."""

    vpcs: tuple[Vpc, ...] = ()


class Region(Shape, frozen=True, kw_only=True):
    """A region."""

    region_name: str
    opt_in_status: str = ""


class Regions(Shape, frozen=True, kw_only=True):
    """DescribeRegions' answer."""

    regions: tuple[Region, ...] = ()


class Processors(Shape, frozen=True, kw_only=True):
    """What a type's processors run."""

    supported_architectures: tuple[str, ...] = ("x86_64",)


class Cores(Shape, frozen=True, kw_only=True):
    """How many virtual processors a type has."""

    default_v_cpus: int = 1


class Strategies(Shape, frozen=True, kw_only=True):
    """What a type can be in."""

    supported_strategies: tuple[str, ...] = ()


class Networks(Shape, frozen=True, kw_only=True):
    """A type's network."""

    efa_supported: bool = False


class Kind(Shape, frozen=True, kw_only=True):
    """An instance type."""

    instance_type: str
    processor_info: Processors = Processors()
    v_cpu_info: Cores = Cores()
    placement_group_info: Strategies = Strategies()
    network_info: Networks = Networks()


class Kinds(Shape, frozen=True, kw_only=True):
    """DescribeInstanceTypes' answer."""

    instance_types: tuple[Kind, ...] = ()


class Ebs(Shape, frozen=True, kw_only=True):
    """A disk of an image."""

    volume_size: int = 0


class Device(Shape, frozen=True, kw_only=True):
    """A disk of an image, with the name it is found by."""

    device_name: str = ""
    ebs: Ebs = Ebs()


class Picture(Shape, frozen=True, kw_only=True):
    """A machine image."""

    image_id: str
    name: str = ""
    description: str = ""
    owner_id: str = ""
    architecture: str = "x86_64"
    platform: str = ""
    root_device_name: str = "/dev/sda1"
    block_device_mappings: tuple[Device, ...] = ()
    source_instance_id: str = ""


class Pictures(Shape, frozen=True, kw_only=True):
    """DescribeImages' answer."""

    images: tuple[Picture, ...] = ()


class Value(Shape, frozen=True, kw_only=True):
    """A value."""

    value: str


class Parameter(Shape, frozen=True, kw_only=True):
    """GetParameter's answer."""

    parameter: Value


class Quota(Shape, frozen=True, kw_only=True):
    """A limit of the account."""

    quota_name: str
    quota_code: str
    value: float


class ServiceQuota(Shape, frozen=True, kw_only=True):
    """GetServiceQuota's answer."""

    quota: Quota


class Offering(Shape, frozen=True, kw_only=True):
    """A type that is sold somewhere."""

    instance_type: str
    location: str


class Offerings(Shape, frozen=True, kw_only=True):
    """DescribeInstanceTypeOfferings' answer."""

    instance_type_offerings: tuple[Offering, ...] = ()


class SpotPrice(Shape, frozen=True, kw_only=True):
    """A price on the spot market."""

    instance_type: str
    availability_zone: str
    spot_price: str
    timestamp: datetime


class SpotPrices(Shape, frozen=True, kw_only=True):
    """DescribeSpotPriceHistory's answer."""

    spot_price_history: tuple[SpotPrice, ...] = ()


class Console(Shape, frozen=True, kw_only=True):
    """GetConsoleOutput's answer, decoded."""

    output: str = ""


class Created(Shape, frozen=True, kw_only=True):
    """CreateSecurityGroup's answer."""

    group_id: str


class About(Shape, frozen=True, kw_only=True):
    """What the SDK tells of an answer."""

    headers: dict[str, str] = msgspec.field(default_factory=dict, name="HTTPHeaders")


class Caller(Shape, frozen=True, kw_only=True):
    """GetCallerIdentity's answer."""

    account: str
    arn: str
    response_metadata: About = About()
