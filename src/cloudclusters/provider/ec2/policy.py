"""The least IAM policy for some settings: changes only to what bears our tag, wherever AWS can tell."""

from __future__ import annotations

import json

from cloudclusters.provider.ec2.settings import AUTOMATIC, NONE, Ec2Settings
from cloudclusters.provider.ec2.tags import CLUSTER

Statement = dict[str, object]
_OURS = {"Null": {f"aws:ResourceTag/{CLUSTER}": "false"}}
_NEW = {"Null": {f"aws:RequestTag/{CLUSTER}": "false"}}
_LOOK = (
    "DescribeInstances DescribeInstanceTypes DescribeInstanceTypeOfferings DescribeImages DescribeRegions DescribeVpcs "
    "DescribeSubnets DescribeSecurityGroups DescribePlacementGroups DescribeKeyPairs DescribeSpotPriceHistory "
    "DescribeVolumes DescribeSnapshots"
)


def policy(settings: Ec2Settings) -> str:
    """The policy as JSON text, for an administrator to attach to a user or role."""
    found = [_allow("Look", _ec2(_LOOK), "*"), *_launching(settings), *_living()]
    if not settings.security_groups:
        found += _firewall()
    if settings.placement_group == AUTOMATIC:
        found += _placement()
    if not settings.imageid:
        found.append(_allow("LatestImage", ["ssm:GetParameter"], _image_parameters(settings)))
    if settings.instance_profile:
        to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
        found.append(_allow("GiveProfile", ["iam:PassRole"], "arn:aws:iam::*:role/*", to_ec2))
    found.append(_allow("Prices", ["pricing:GetProducts"], "*"))
    quotas = ["servicequotas:GetServiceQuota"]
    found.append(_allow("Quotas", quotas, "*"))
    return json.dumps({"Version": "2012-10-17", "Statement": found}, indent=2)


def _launching(settings: Ec2Settings) -> list[Statement]:
    """RunInstances asks for a right on everything it makes, and on everything it uses."""
    used = ["image/*", "subnet/*", "security-group/*", "network-interface/*", "snapshot/*"]
    used += ["key-pair/*"] if settings.key_name else []
    used += ["placement-group/*"] if settings.placement_group != NONE else []
    made = ["instance/*", "volume/*"]
    tagging = {"StringEquals": {"ec2:CreateAction": "RunInstances"}}
    return [
        _allow("LaunchWith", _ec2("RunInstances"), [_arn(name) for name in used]),
        _allow("LaunchTagged", _ec2("RunInstances"), [_arn(name) for name in made], _NEW),
        _allow("TagLaunched", _ec2("CreateTags"), [_arn(name) for name in made], tagging),
    ]


def _living() -> list[Statement]:
    machines = _arn("instance/*")
    verbs = _ec2("StartInstances StopInstances TerminateInstances ModifyInstanceAttribute GetConsoleOutput CreateTags")
    enter = ["ec2-instance-connect:SendSSHPublicKey"]
    return [
        _allow("Machines", verbs, machines, _OURS),
        _allow("Disks", _ec2("DeleteVolume"), _arn("volume/*"), _OURS),
        _allow("Enter", enter, machines, _OURS),
    ]


def _firewall() -> list[Statement]:
    group, made = _arn("security-group/*"), {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}}
    rules = "AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress AuthorizeSecurityGroupEgress DeleteSecurityGroup"
    return [
        _allow("NewGroup", _ec2("CreateSecurityGroup"), group, _NEW),
        _allow("NewGroupIn", _ec2("CreateSecurityGroup"), _arn("vpc/*")),
        _allow("TagGroup", _ec2("CreateTags"), group, made),
        _allow("Rules", _ec2(rules), group, _OURS),
    ]


def _placement() -> list[Statement]:
    group, made = _arn("placement-group/*"), {"StringEquals": {"ec2:CreateAction": "CreatePlacementGroup"}}
    return [
        _allow("NewPlacement", _ec2("CreatePlacementGroup"), group, _NEW),
        _allow("TagPlacement", _ec2("CreateTags"), group, made),
        _allow("EndPlacement", _ec2("DeletePlacementGroup"), group, _OURS),
    ]


def _image_parameters(settings: Ec2Settings) -> str:
    own = settings.image.startswith("/") and not settings.image.startswith("/aws/")
    return f"arn:aws:ssm:*:*:parameter{settings.image}" if own else "arn:aws:ssm:*::parameter/aws/service/*"


def _allow(name: str, actions: list[str], resource: str | list[str], condition: object = None) -> Statement:
    said: Statement = {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}
    return said | ({"Condition": condition} if condition is not None else {})


def _ec2(actions: str) -> list[str]:
    return [f"ec2:{action}" for action in actions.split()]


def _arn(resource: str) -> str:
    # Images and snapshots of others have no account in their names.
    account = "" if resource.startswith(("image", "snapshot")) else "*"
    return f"arn:aws:ec2:*:{account}:{resource}"
