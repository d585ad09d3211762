"""Firewall and placement of a cluster: ours, made and deleted by tag; or the user's, looked at and left alone."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

from cloudclusters.base.cloud import Holding
from cloudclusters.errors import ProviderError, RequestRefused, Throttled
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.caller import caller_block
from cloudclusters.provider.ec2.errors import code_of
from cloudclusters.provider.ec2.settings import AUTOMATIC, NONE, Ec2Settings
from cloudclusters.provider.ec2.shapes import Created, Group, Groups, PlacementGroups, Subnet, Subnets, Vpcs
from cloudclusters.provider.ec2.tags import CLUSTER, by_cluster, holding_tags, specification

SSH = 22
MARK = "cloudclusters: the caller"
"""Stands on every rule that lets the caller in, so that no other rule is ever taken back."""
GROUP = "group"
ADMITTED = "admitted"


def group_name(cluster: str) -> str:
    """The name of a cluster's own security group and placement group."""
    return f"cloudclusters-{cluster}"


def prepare_network(account: Account, region: str, settings: Ec2Settings, holding: Holding) -> dict[str, str]:
    """Make our security group or find it, and look that the user's own things exist; the resources."""
    _look_at_own(account, region, settings)
    if settings.security_groups:
        account.ask(region, "describe_security_groups", Groups, GroupIds=list(settings.security_groups))
        return {GROUP: " ".join(settings.security_groups)}
    vpc = _vpc(account, region, settings)
    group = _made(account, region, vpc, holding)
    return _admitted(account, region, settings, group, ())


def admit_caller(
    account: Account, region: str, settings: Ec2Settings, holding: Holding, ports: Collection[int]
) -> dict[str, str]:
    """Let the caller's present address in, and none that was let in before; what `resources` say of it."""
    if settings.security_groups:
        return {GROUP: " ".join(settings.security_groups)}
    group = our_group(account, region, holding.cluster)
    if group is None:
        raise RequestRefused(
            f"ec2 in {region} has no security group of {holding.cluster}",
            hint="terminate the cluster and deploy it anew: without its group nobody enters its machines",
        )
    return _admitted(account, region, settings, group, ports)


def our_group(account: Account, region: str, cluster: str) -> Group | None:
    """The security group that we made for a cluster, by tag."""
    filters = by_cluster(cluster)
    found = account.every(region, "describe_security_groups", Groups, Filters=filters).security_groups
    return found[0] if found else None


def groups_for_launch(account: Account, region: str, settings: Ec2Settings, holding: Holding) -> list[str]:
    """The security groups that machines of a cluster are in."""
    if settings.security_groups:
        return list(settings.security_groups)
    if holding.resources.get(GROUP):
        return holding.resources[GROUP].split()
    group = our_group(account, region, holding.cluster)
    if group is None:
        raise RequestRefused(f"ec2 in {region} has no security group of {holding.cluster}; prepare comes first")
    return [group.group_id]


def placement_for_launch(
    account: Account, region: str, settings: Ec2Settings, holding: Holding, *, able: bool, count: int
) -> str:
    """The placement group of a launch; empty for none. Makes ours where it helps: several machines, of a type able."""
    if settings.placement_group not in (AUTOMATIC, NONE):
        return settings.placement_group
    if settings.placement_group == NONE or not able or count < 2:
        return ""
    name = group_name(holding.cluster)
    with _unless("InvalidPlacementGroup.Duplicate"):
        tags = [specification("placement-group", holding_tags(holding))]
        account.do(region, "create_placement_group", GroupName=name, Strategy="cluster", TagSpecifications=tags)
    return name


def allow_rdma(account: Account, region: str, groups: Collection[str]) -> None:
    """Let the members of our group send each other everything by EFA, which wants a rule for that of its own."""
    for group in groups:
        with _unless("InvalidPermission.Duplicate"):
            rules = [_among_members(group)]
            account.do(region, "authorize_security_group_egress", GroupId=group, IpPermissions=rules)


def release_network(account: Account, region: str, cluster: str) -> None:
    """Delete our security groups and placement groups of a cluster. Raises `Throttled` while they are still used."""
    filters = by_cluster(cluster)
    for group in account.every(region, "describe_security_groups", Groups, Filters=filters).security_groups:
        with _unless("InvalidGroup.NotFound"):
            account.do(region, "delete_security_group", GroupId=group.group_id)
    for row in account.ask(region, "describe_placement_groups", PlacementGroups, Filters=filters).placement_groups:
        with _unless("InvalidPlacementGroup.Unknown"):
            account.do(region, "delete_placement_group", GroupName=row.group_name)


def subnet_of(account: Account, region: str, subnet_id: str) -> Subnet:
    """The user's subnet. Raises `RequestRefused` where it is not."""

    def ask() -> Subnet:
        return account.ask(region, "describe_subnets", Subnets, SubnetIds=[subnet_id]).subnets[0]

    return account.known(("subnet", region, subnet_id), ask)


def _look_at_own(account: Account, region: str, settings: Ec2Settings) -> None:
    """Raise for things of the user's that are not there."""
    if settings.subnet_id:
        subnet_of(account, region, settings.subnet_id)
    if settings.placement_group not in (AUTOMATIC, NONE):
        account.ask(region, "describe_placement_groups", PlacementGroups, GroupNames=[settings.placement_group])
    if settings.key_name:
        account.do(region, "describe_key_pairs", KeyNames=[settings.key_name])


def _vpc(account: Account, region: str, settings: Ec2Settings) -> str:
    if settings.subnet_id:
        return subnet_of(account, region, settings.subnet_id).vpc_id
    found = account.ask(region, "describe_vpcs", Vpcs, Filters=[{"Name": "is-default", "Values": ["true"]}]).vpcs
    if not found:
        raise RequestRefused(f"ec2 in {region} has no default VPC", hint="name a subnet by [ec2] subnet_id")
    return found[0].vpc_id


def _made(account: Account, region: str, vpc: str, holding: Holding) -> Group:
    """Our group, made now or before; a lost answer makes no second one, because names are unique in a VPC."""
    name = group_name(holding.cluster)
    tags = [specification("security-group", holding_tags(holding))]
    text = f"Nodes of the cluster {holding.cluster}"
    said: dict[str, object] = {"GroupName": name, "Description": text, "VpcId": vpc, "TagSpecifications": tags}
    try:
        return Group(group_id=account.ask(region, "create_security_group", Created, **said).group_id, vpc_id=vpc)
    except ProviderError as exc:
        if code_of(exc) != "InvalidGroup.Duplicate":
            raise
    filters = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}]
    found = account.every(region, "describe_security_groups", Groups, Filters=filters).security_groups
    if not found:
        raise Throttled(f"ec2 in {region} does not show the security group {name} yet, which it says is there")
    if found[0].words.get(CLUSTER) != holding.cluster:
        raise RequestRefused(
            f"the security group {name} ({found[0].group_id}) in {region} is not ours: it lacks our tag",
            hint="delete it, or name a group by [ec2] security_group_id",
        )
    return found[0]


def _admitted(
    account: Account, region: str, settings: Ec2Settings, group: Group, ports: Collection[int]
) -> dict[str, str]:
    """Bring the rules of our group up to date: first what is missing, then what is too much."""
    block = caller_block(settings.caller_address)
    wanted = {(block, port) for port in (SSH, *ports)}
    here = set(_caller_rules(group))
    missing = [_for_caller(*rule) for rule in sorted(wanted - here)]
    if not any(pair.group_id == group.group_id for rule in group.ip_permissions for pair in rule.user_id_group_pairs):
        missing.append(_among_members(group.group_id))
    if missing:
        _authorized(account, region, group.group_id, missing)
    if here - wanted:
        rules = [_for_caller(*rule) for rule in sorted(here - wanted)]
        with _unless("InvalidPermission.NotFound"):
            account.do(region, "revoke_security_group_ingress", GroupId=group.group_id, IpPermissions=rules)
    return {GROUP: group.group_id, ADMITTED: block}


def _authorized(account: Account, region: str, group: str, rules: list[dict[str, object]]) -> None:
    try:
        account.do(region, "authorize_security_group_ingress", GroupId=group, IpPermissions=rules)
    except ProviderError as exc:
        match code_of(exc):
            case "InvalidPermission.Duplicate" if len(rules) > 1:  # AWS refuses all for the sake of one
                for rule in rules:
                    _authorized(account, region, group, [rule])
            case "InvalidPermission.Duplicate":
                return
            case "InvalidGroup.NotFound":
                raise Throttled(f"ec2 in {region} does not know the new group {group} everywhere yet") from exc
            case _:
                raise


def _caller_rules(group: Group) -> Iterator[tuple[str, int]]:
    for rule in group.ip_permissions:
        for block in (*rule.ip_ranges, *rule.ipv6_ranges):
            if block.description == MARK:
                yield block.cidr_ip or block.cidr_ipv6, rule.from_port


def _for_caller(block: str, port: int) -> dict[str, object]:
    kind, key = ("Ipv6Ranges", "CidrIpv6") if ":" in block else ("IpRanges", "CidrIp")
    row: Mapping[str, str] = {key: block, "Description": MARK}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, kind: [row]}


def _among_members(group: str) -> dict[str, object]:
    return {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "Description": "the nodes among themselves"}]}


@contextlib.contextmanager
def _unless(code: str) -> Iterator[None]:
    """Let pass what was so before."""
    try:
        yield
    except ProviderError as exc:
        if code_of(exc) != code:
            raise
