"""What the provider does on EC2, seen from outside by the official SDK: what is made, what is refused, what is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
import pytest

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Market, Offer, Place, Slot
from cloudclusters.base.handle import new_handle
from cloudclusters.base.limits import AtLimit
from cloudclusters.base.size import GiB
from cloudclusters.base.waiting import SystemClock
from cloudclusters.errors import (
    CloudClustersError,
    CredentialsRefused,
    NoCapacity,
    NotSupported,
    ProviderUnavailable,
    QuotaExceeded,
    RequestRefused,
    Throttled,
)
from cloudclusters.provider.ec2.provider import Ec2Provider
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.faults import LOST
from cloudclusters.testing.settling import Settle, ids, living

pytestmark = pytest.mark.bed

MANY = "c5.large"
"""A type that can be in a cluster placement group."""


def request(kind: str = "t3.micro", count: int = 1, *, token: str = "one", region: str = "us-east-1", **more) -> Launch:
    """A launch of workers."""
    market, zone = more.pop("market", Market.ON_DEMAND), more.pop("zone", "")
    offer = Offer(provider="ec2", instance_type=kind, place=Place(region, zone), market=market)
    return Launch(token=token, offer=offer, slots=tuple(Slot("worker", index) for index in range(count)), **more)


@pytest.fixture
def new(aws: Bed, provider: Ec2Provider) -> Iterator[Callable[..., Holding]]:
    """Make holdings that are not prepared; all are let go of at the end."""
    made: list[Holding] = []

    def make(region: str = "us-east-1", **more) -> Holding:
        holding = Holding(
            provider="ec2", cluster=new_handle(), owner="me@test", store="s", place=Place(region), name="mine", **more
        )
        made.append(holding)
        return holding

    yield make
    aws.faults.clear()
    aws.allow()
    aws.renew_credentials()
    for holding in made:
        Settle(provider, SystemClock(), 20).let_go(msgspec.structs.replace(holding, settings={}))


@pytest.fixture
def holding(provider: Ec2Provider, new: Callable[..., Holding]) -> Holding:
    """One that is prepared."""
    return provider.prepare(new(expires=2e9))


def group_of(ec2, holding: Holding) -> dict:
    """The group that is in the resources, as AWS shows it."""
    return ec2.describe_security_groups(GroupIds=[holding.resources["group"]])["SecurityGroups"][0]


def entries(ec2, holding: Holding) -> set[tuple[str, int]]:
    """Who may enter from outside, and where."""
    rules = group_of(ec2, holding)["IpPermissions"]
    return {(block["CidrIp"], rule["FromPort"]) for rule in rules for block in rule["IpRanges"]}


def tags(row: dict) -> dict[str, str]:
    """Its tags."""
    return {tag["Key"]: tag["Value"] for tag in row["Tags"]}


def up(provider: Ec2Provider, holding: Holding, count: int = 1) -> Sequence[Instance]:
    """All of them running."""
    return Settle(provider, SystemClock(), 20).all(holding, InstanceState.RUNNING, count=count)


# What is made


def test_tags_come_with_the_call(aws: Bed, ec2, provider: Ec2Provider, holding: Holding) -> None:
    """No moment without them: none is added by a second call, on machines, disks, groups."""
    provider.launch(holding, request(MANY, 2, words={"plan-0": "abc"}))
    found = provider.describe(holding)
    rows = [i for r in ec2.describe_instances(InstanceIds=ids(found))["Reservations"] for i in r["Instances"]]
    assert aws.calls.count("CreateTags") == 0
    for row in rows:
        said = tags(row)
        assert (said["cloudclusters:cluster"], said["cloudclusters:owner"]) == (holding.cluster, "me@test")
        assert (said["cloudclusters:slots"], said["cloudclusters:user"]) == ("0-1", "ubuntu")
        assert (said["Name"], float(said["cloudclusters:expires"])) == ("mine", 2e9)
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:cloudclusters:cluster", "Values": [holding.cluster]}])
    assert len(volumes["Volumes"]) == 2
    assert tags(group_of(ec2, holding))["cloudclusters:cluster"] == holding.cluster
    placed = ec2.describe_placement_groups()["PlacementGroups"]
    assert [tags(row)["cloudclusters:cluster"] for row in placed] == [holding.cluster]
    assert [i.words for i in found] == [{"plan-0": "abc"}] * 2


def test_a_machine_is_described_in_full(provider: Ec2Provider, holding: Holding) -> None:
    """Slot, token, place, market, addresses, user."""
    provider.launch(holding, request(zone="us-east-1b"))
    (found,) = up(provider, holding)
    assert (found.slot, found.token, found.market) == (Slot("worker", 0), "one", Market.ON_DEMAND)
    assert found.place == Place("us-east-1", "us-east-1b")
    assert (found.endpoint.host, found.endpoint.user) == (found.public_address, "ubuntu")
    assert found.inner_address
    assert found.launched_at > 0


def test_metadata_needs_a_token_and_disks_go_with_their_machine(ec2, provider: Ec2Provider, holding: Holding) -> None:
    """IMDSv2 for one hop, and at least the size that was asked for."""
    (found,) = provider.launch(holding, request(disk_bytes=20 * GiB))
    row = ec2.describe_instances(InstanceIds=[found.id])["Reservations"][0]["Instances"][0]
    assert (row["MetadataOptions"]["HttpTokens"], row["MetadataOptions"]["HttpPutResponseHopLimit"]) == ("required", 1)
    assert "IamInstanceProfile" not in row
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert (volume["Size"], volume["VolumeType"]) == (20, "gp3")


def test_calls_do_not_grow_with_the_cluster(aws: Bed, provider: Ec2Provider, new: Callable[..., Holding]) -> None:
    """At most 12 for prepare, launch and one look."""
    counts = []
    for count in (2, 9):
        aws.calls.clear()
        fresh = new()
        other = Ec2Provider(_site(provider))
        prepared = other.prepare(fresh)
        other.launch(prepared, request(MANY, count))
        other.describe(prepared)
        counts.append(len(aws.calls.done))
    assert counts[0] == counts[1] <= 12


def _site(provider: Ec2Provider):
    from pathlib import Path

    from cloudclusters.provider.protocol import Site

    return Site(home=Path("/nowhere"), owner="me@test", settings=provider._section)


# The firewall


def test_only_the_caller_and_the_members_enter(aws: Bed, ec2, provider: Ec2Provider, holding: Holding) -> None:
    """SSH from one address, everything among the nodes, nothing from the world."""
    assert entries(ec2, holding) == {(f"{aws.client_address}/32", 22)}
    inside = [rule for rule in group_of(ec2, holding)["IpPermissions"] if rule["UserIdGroupPairs"]]
    assert [rule["IpProtocol"] for rule in inside] == ["-1"]
    assert [pair["GroupId"] for pair in inside[0]["UserIdGroupPairs"]] == [holding.resources["group"]]


def test_a_changed_address_is_admitted_and_the_old_one_no_more(ec2, open_ec2, holding: Holding) -> None:
    """With the ports asked for; rules of others in our group stay."""
    foreign = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "192.0.2.9/32"}]}
    ec2.authorize_security_group_ingress(GroupId=holding.resources["group"], IpPermissions=[foreign])
    moved = open_ec2(caller_address="198.51.100.4")
    admitted = moved.admit(holding, [8786])
    assert admitted.resources["admitted"] == "198.51.100.4/32"
    mine = {("198.51.100.4/32", 22), ("198.51.100.4/32", 8786)}
    assert entries(ec2, holding) == mine | {("192.0.2.9/32", 80)}
    assert moved.admit(admitted, [8786]) == admitted
    moved.admit(admitted)
    assert entries(ec2, holding) == {("198.51.100.4/32", 22), ("192.0.2.9/32", 80)}


def test_the_world_enters_only_by_name(ec2, open_ec2, new: Callable[..., Holding]) -> None:
    """Never by an answer; only where somebody wrote it."""
    with pytest.raises(RequestRefused):
        open_ec2(caller_address="!echo 0.0.0.0/0").prepare(new())
    prepared = open_ec2(caller_address="0.0.0.0/0").prepare(new())
    assert entries(ec2, prepared) == {("0.0.0.0/0", 22)}


def test_what_is_the_users_stays(aws: Bed, ec2, provider: Ec2Provider, new: Callable[..., Holding]) -> None:
    """Group, subnet and placement group are used, and are as they were after release."""
    group = ec2.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    ec2.create_placement_group(GroupName="theirs", Strategy="cluster")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    own = {"security_group_id": group, "subnet_id": subnet, "placement_group": "theirs"}
    bare = new(settings=own)
    prepared = provider.prepare(bare)
    before = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    provider.admit(prepared, [8786])
    launched = ids(provider.launch(prepared, request(MANY, 2)))
    row = ec2.describe_instances(InstanceIds=launched[:1])["Reservations"][0]["Instances"][0]
    assert (row["SubnetId"], row["Placement"]["GroupName"]) == (subnet, "theirs")
    assert [g["GroupId"] for g in row["NetworkInterfaces"][0]["Groups"]] == [group]
    Settle(provider, SystemClock(), 20).let_go(prepared)
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"] == before
    assert set(aws.left().security_groups) | set(aws.left().placement_groups) == {"mine", "theirs"}
    ec2.delete_security_group(GroupId=group)
    ec2.delete_placement_group(GroupName="theirs")


def test_no_placement_group_where_none_is_wanted(aws: Bed, provider: Ec2Provider, new: Callable[..., Holding]) -> None:
    """Not for one machine, not for a type that cannot, not against the settings."""
    one, burst, none = (provider.prepare(new(settings=s)) for s in ({}, {}, {"placement_group": "none"}))
    provider.launch(one, request(MANY, 1))
    provider.launch(burst, request("t3.micro", 2))
    provider.launch(none, request(MANY, 2))
    assert not aws.left().placement_groups


# What is refused


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        ({"key_name": "nobody"}, "key_name"),
        ({"subnet_id": "subnet-0123abcd"}, "subnet_id"),
        ({"security_group_id": "sg-0123abcd"}, "security_group_id"),
        ({"placement_group": "nowhere"}, "placement_group"),
    ],
)
def test_own_things_that_are_not_there(provider, new: Callable[..., Holding], settings, about: str) -> None:
    """Refused by prepare, naming what to correct."""
    with pytest.raises(RequestRefused) as caught:
        provider.prepare(new(settings=settings))
    assert f"[ec2] {about}" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "launch", "text"),
    [
        ({"imageid": "ami-0123abcd"}, request(), "ami-0123abcd"),
        ({"image": "/no/such/parameter"}, request(), "GetParameter"),
        ({}, request("x9.gigantic"), "x9.gigantic"),
        ({}, request(rdma=True), "EFA"),
        ({}, request(user_data="x" * 20000), "20000 bytes"),
    ],
)
def test_launches_that_cannot_be(provider, new: Callable[..., Holding], settings, launch: Launch, text: str) -> None:
    """Refused with the name that is wrong, and nothing is made."""
    prepared = provider.prepare(new(settings=settings))
    with pytest.raises(RequestRefused, match=text):
        provider.launch(prepared, launch)
    assert not provider.describe(prepared)


def test_an_image_of_another_architecture(aws: Bed, ec2, provider, new: Callable[..., Holding]) -> None:
    """Refused before the launch; the default image follows the type."""
    found = ec2.describe_images(Filters=[{"Name": "name", "Values": ["ubuntu*24.04-arm64*"]}])["Images"][0]["ImageId"]
    prepared = provider.prepare(new(settings={"imageid": found}))
    with pytest.raises(RequestRefused, match="arm64"):
        provider.launch(prepared, request())
    assert aws.calls.count("RunInstances") == 0
    assert provider.launch(provider.prepare(new()), request("t4g.micro"))


@pytest.mark.parametrize(
    ("image", "user"), [("debian-12", "admin"), ("amazon-linux-2023", "ec2-user"), ("ubuntu-22.04", "ubuntu")]
)
def test_other_images_by_name(provider, new: Callable[..., Holding], image: str, user: str) -> None:
    """Each with the user that it lets in."""
    prepared = provider.prepare(new(settings={"image": image}))
    provider.launch(prepared, request())
    assert [i.endpoint.user for i in up(provider, prepared)] == [user]


def test_a_type_not_sold_in_the_zone(ec2, provider: Ec2Provider, holding: Holding) -> None:
    """No capacity there, and `zones` says where there is some."""
    sold = {place.zone for place in provider.zones(request(MANY).offer)}
    every = {row["ZoneName"] for row in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert sold
    missing = sorted(every - sold)
    assert missing, "the bed sells this type everywhere: choose another one"
    with pytest.raises(NoCapacity):
        provider.launch(holding, request(MANY, zone=missing[0]))


def test_a_low_limit_on_the_spot_market(aws: Bed, provider: Ec2Provider, new: Callable[..., Holding]) -> None:
    """No capacity at that price, and the hint names the setting."""
    prepared = provider.prepare(new(settings={"max_price": "0.0001"}))
    with pytest.raises(NoCapacity) as caught:
        provider.launch(prepared, request(market=Market.SPOT))
    assert "max_price" in caught.value.hint


def test_spot_machines_are_spot_and_do_not_stop(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """Refused before the call."""
    launched = ids(provider.launch(holding, request(market=Market.SPOT)))
    assert [i.market for i in up(provider, holding)] == [Market.SPOT]
    with pytest.raises(NotSupported, match="worker0"):
        provider.stop(holding, launched)
    assert aws.calls.count("StopInstances") == 0


def test_what_a_power_off_means_can_be_changed(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """Of living machines on demand; those of the spot market are always deleted."""
    provider.launch(holding, request())
    provider.launch(holding, request(market=Market.SPOT, token="spot"))
    provider.at_power_off(holding, AtLimit.STOP)
    provider.at_power_off(holding, AtLimit.STOP)
    found = {i.market: aws.instances.of(i.id).instance for i in provider.describe(holding)}
    assert found[Market.ON_DEMAND].instance_initiated_shutdown_behavior == "stop"
    assert found[Market.SPOT].instance_initiated_shutdown_behavior == "terminate"
    assert aws.calls.count("ModifyInstanceAttribute") == 2


@pytest.mark.parametrize(
    ("market", "code"), [(Market.ON_DEMAND, "L-1216C47A"), (Market.SPOT, "L-34B43A08")], ids=["on-demand", "spot"]
)
def test_a_quota_is_named(aws: Bed, provider: Ec2Provider, holding: Holding, market: Market, code: str) -> None:
    """With name, code, value and need: before the launch where it is plain, else after AWS' refusal."""
    aws.front.quotas.values[code] = 5.0
    with pytest.raises(QuotaExceeded) as caught:
        provider.launch(holding, request(count=3, market=market))
    assert f"({code}) is 5 vCPUs, and this launch needs 6" in caught.value.message
    assert aws.calls.count("RunInstances") == 0
    provider.launch(holding, request(count=2, market=market))
    with pytest.raises(QuotaExceeded) as caught:
        provider.launch(holding, request(count=1, market=market, token="two"))
    assert f"({code}) is 5 vCPUs, and this launch needs 2" in caught.value.message
    assert code in caught.value.hint


def test_a_quota_that_may_not_be_read_stops_nothing(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """The launch itself tells when it is too small."""
    aws.deny("GetServiceQuota")
    assert provider.launch(holding, request())


def test_what_is_not_allowed_is_named(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """By the action, without AWS' encoded message."""
    aws.deny("RunInstances")
    with pytest.raises(CredentialsRefused, match="ec2:RunInstances") as caught:
        provider.launch(holding, request())
    assert "Encoded" not in caught.value.message
    assert "iam ec2" in caught.value.hint


@pytest.mark.parametrize("unknown", [False, True], ids=["expired", "unknown"])
def test_credentials_that_are_no_good(aws: Bed, provider: Ec2Provider, holding: Holding, unknown: bool) -> None:
    """Every verb says so, and none says that there is nothing."""
    aws.expire_credentials(unknown=unknown)
    for call in (provider.describe, provider.prepare, provider.release, lambda h: provider.launch(h, request())):
        with pytest.raises(CredentialsRefused):
            call(holding)


# What is lost


def test_throttling_is_told(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """The core repeats; with AWS' own repetitions the SDK does, too."""
    aws.faults.throttle("RunInstances", 1)
    with pytest.raises(Throttled):
        provider.launch(holding, request())
    assert len(provider.launch(holding, request())) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_lost_launch_is_made_once(aws: Bed, provider: Ec2Provider, holding: Holding, after: bool) -> None:
    """Whether or not it took effect."""
    aws.faults.error("RunInstances", LOST, after=after)
    with pytest.raises(ProviderUnavailable):
        provider.launch(holding, request(count=2))
    assert len(living(provider, holding)) == (2 if after else 0)
    again = provider.launch(holding, request(count=2))
    assert ids(again) == ids(living(provider, holding))
    assert len(again) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("action", ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress"])
def test_a_lost_prepare_is_made_once(aws, ec2, provider, new: Callable[..., Holding], action: str, after: bool) -> None:
    """The group is found by its name, and has its rules."""
    bare = new()
    aws.faults.error(action, LOST, after=after)
    with pytest.raises(ProviderUnavailable):
        provider.prepare(bare)
    prepared = provider.prepare(bare)
    assert entries(ec2, prepared) == {(f"{aws.client_address}/32", 22)}
    assert len(aws.left().security_groups) == 1


def test_machines_that_describe_does_not_show_yet(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """A repeated launch makes no second one, although the tags cannot be seen."""
    aws.faults.invisible = 60.0
    first = provider.launch(holding, request(count=2))
    assert not provider.describe(holding)
    assert ids(provider.launch(holding, request(count=2))) == ids(first)
    aws.faults.invisible = 0.0
    assert ids(living(provider, holding)) == ids(first)


def test_a_repeated_launch_after_the_image_changed(aws: Bed, provider, holding: Holding) -> None:
    """AWS refuses other words for a token; the tags tell which machines it made."""
    first = provider.launch(holding, request())
    text = "Arguments on this idempotent request are inconsistent"
    aws.faults.error("RunInstances", "IdempotentParameterMismatch", text)
    assert ids(provider.launch(holding, request())) == ids(first)


def test_a_launch_that_is_only_half_seen_is_whole(aws: Bed, ec2, provider: Ec2Provider, holding: Holding) -> None:
    """When tags show one machine of two, AWS' own memory of the token has the other."""
    first = provider.launch(holding, request(count=2))
    ec2.delete_tags(Resources=[first[0].id], Tags=[{"Key": "cloudclusters:token"}])
    assert ids(provider.launch(holding, request(count=2))) == ids(first)
    aws.faults.error("RunInstances", "IdempotentParameterMismatch", "Arguments are inconsistent")
    with pytest.raises(Throttled, match="shows 1 of the 2 machines"):
        provider.launch(holding, request(count=2))


def test_a_launch_that_aws_made_and_does_not_show_is_asked_for_again(aws: Bed, provider, holding: Holding) -> None:
    """It is not told as refused, which would say for sure that there are no machines."""
    made = provider.launch(holding, request())
    aws.faults.invisible = 60.0
    aws.faults.error("RunInstances", "IdempotentParameterMismatch", "Arguments are inconsistent")
    with pytest.raises(Throttled, match="shows 0 of the 1 machines"):
        provider.launch(holding, request())
    aws.faults.invisible = 0.0
    assert ids(provider.launch(holding, request())) == ids(made)


def test_a_machine_that_lost_its_tags_is_let_go_of_too(aws: Bed, ec2, provider: Ec2Provider, holding: Holding) -> None:
    """Nobody knows its seat, but it has the tag of the cluster, and costs."""
    made = provider.launch(holding, request(count=2))
    ec2.delete_tags(Resources=[made[0].id], Tags=[{"Key": "cloudclusters:slots"}])
    assert {i.slot.role for i in living(provider, holding)} == {"worker", "stray"}
    Settle(provider, SystemClock(), 20).let_go(holding)
    assert not aws.left().instances


def test_release_waits_for_the_last_machine(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """It says that it must be repeated, and then leaves nothing."""
    provider.launch(holding, request(MANY, 2))
    with pytest.raises(Throttled, match="DependencyViolation"):
        provider.release(holding)
    Settle(provider, SystemClock(), 20).let_go(holding)
    assert not aws.left().security_groups
    assert not aws.left().placement_groups


# Abilities


def test_what_is_held_in_two_regions_is_found(provider: Ec2Provider, new: Callable[..., Holding]) -> None:
    """By tag alone; a group without machines counts."""
    here, there = provider.prepare(new()), provider.prepare(new("eu-west-1"))
    provider.launch(there, request(region="eu-west-1"))
    found = {holding.cluster: holding for holding in provider.find()}
    for holding in (here, there):
        assert found[holding.cluster] == msgspec.structs.replace(holding, resources={})


def test_all_enabled_regions_are_looked_through(open_ec2, new: Callable[..., Holding]) -> None:
    """Where no settings narrow it."""
    there = open_ec2().prepare(new("ap-south-1"))
    assert there.cluster not in [holding.cluster for holding in open_ec2().find()]
    assert there.cluster in [holding.cluster for holding in open_ec2(sweep_regions="").find()]


def test_words_are_kept_by_one_call(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """For all machines; those of the same names are replaced."""
    provider.launch(holding, request(count=3, words={"a": "1", "b": "2"}))
    provider.mark(holding, {"b": "3", "c": "4"})
    assert [i.words for i in provider.describe(holding)] == [{"a": "1", "b": "3", "c": "4"}] * 3
    assert aws.calls.count("CreateTags") == 1


def test_console_and_unknown_machines(provider: Ec2Provider, holding: Holding) -> None:
    """What it printed; an error for one that is not there."""
    provider.launch(holding, request(user_data="#!/bin/sh\necho hello from boot > /dev/console\n"))
    (found,) = up(provider, holding)
    assert isinstance(provider.console(holding, found.id), str)
    with pytest.raises(CloudClustersError, match="i-0123"):
        provider.console(holding, "i-0123")


def test_a_key_is_let_in_for_a_minute(aws: Bed, provider: Ec2Provider, holding: Holding) -> None:
    """By EC2 Instance Connect; a bad key is refused."""
    provider.launch(holding, request())
    (found,) = up(provider, holding)
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJ1c3QgbWUgdGhpcyBpcyBhIHJlYWwga2V5ISEh me@test"
    provider.enter(holding, found.id, "ubuntu", key)
    assert aws.calls.count("SendSSHPublicKey") == 1
    with pytest.raises(RequestRefused):
        provider.enter(holding, found.id, "ubuntu", "no key")


def test_offers_have_prices_of_the_spot_market(aws: Bed, provider: Ec2Provider) -> None:
    """By zone; on demand the price is not told."""
    aws.front.prices.set("t3.micro", "us-east-1a", 0.0042)
    found = [o for o in provider.offers(["us-east-1"]) if o.instance_type == "t3.micro"]
    spot = {o.place.zone: o.hourly_usd for o in found if o.market is Market.SPOT}
    assert spot["us-east-1a"] == 0.0042
    assert {o.hourly_usd for o in found if o.market is Market.ON_DEMAND} == {None}


def test_checks_change_nothing_and_name_what_is_missing(aws: Bed, provider: Ec2Provider) -> None:
    """All good; then a denied action is named, then the credentials."""
    good = list(provider.checks())
    assert [check.name for check in good if not check.ok] == []
    assert {"credentials", "clock", "region", "image", "may run instances"} <= {check.name for check in good}
    assert not aws.left()
    aws.deny("RunInstances")
    (bad,) = [check for check in provider.checks() if not check.ok]
    assert (bad.name, "ec2:RunInstances" in bad.found) == ("may run instances", True)
    aws.expire_credentials()
    (bad,) = provider.checks()
    assert (bad.name, bad.ok) == ("credentials", False)
