"""What `doctor` looks at: who we are, where, and what we may do; nothing is changed, and nothing costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cloudclusters.base.cloud import Market
from cloudclusters.errors import CloudClustersError, CredentialsRefused, ProviderError, ProviderUnavailable
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.errors import code_of
from cloudclusters.provider.ec2.images import find_image
from cloudclusters.provider.ec2.launching import find_kind
from cloudclusters.provider.ec2.quota import Need, read_quota
from cloudclusters.provider.ec2.settings import Ec2Settings
from cloudclusters.provider.ec2.shapes import Caller, Regions
from cloudclusters.provider.ec2.tags import CLUSTER, specification
from cloudclusters.provider.protocol import Check

PROBE = "t3.micro"
"""The type that is asked about where no contract names one."""
SKEW = 60.0
"""Seconds that the clocks may differ; AWS refuses from 300 on."""
_MARKETS = {Market.ON_DEMAND: "on demand", Market.SPOT: "spot"}


def look_through(account: Account, settings: Ec2Settings) -> Iterator[Check]:
    """One finding after the other; ends early where the rest cannot be known."""
    try:
        region = account.region("", settings)
        caller = account.ask(region, "sts:get_caller_identity", Caller)
    except ProviderError as exc:
        yield _bad("credentials", exc)
        return
    yield Check(name="credentials", ok=True, found=f"account {caller.account}, {caller.arn}")
    yield _clock(caller)
    yield _region(account, region)
    image = ""
    try:
        found = find_image(account, region, settings, find_kind(account, region, PROBE))
        image = found.id
        yield Check(name="image", ok=True, found=f"{found.id}, user {found.user}")
    except CloudClustersError as exc:
        yield _bad("image", exc)
    yield from _permissions(account, region, image)
    for market in Market:
        yield _quota(account, region, market)


def _clock(caller: Caller) -> Check:
    date = {name.lower(): value for name, value in caller.response_metadata.headers.items()}.get("date", "")
    if not date:
        return Check(name="clock", ok=True, found="AWS did not tell its time")
    off = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    hint = "" if abs(off) <= SKEW else "set this machine's clock: AWS refuses calls that are minutes off"
    return Check(name="clock", ok=not hint, found=f"{off:+.0f} s against AWS", hint=hint)


def _region(account: Account, region: str) -> Check:
    try:
        rows = account.ask(region, "describe_regions", Regions, RegionNames=[region], AllRegions=True).regions
    except ProviderError as exc:
        return _bad("region", exc)
    enabled = bool(rows) and rows[0].opt_in_status != "not-opted-in"
    hint = "" if enabled else f"enable {region} in AWS' console, or correct [ec2] region"
    return Check(name="region", ok=enabled, found=f"{region} is {'' if enabled else 'not '}enabled", hint=hint)


def _permissions(account: Account, region: str, image: str) -> Iterator[Check]:
    """One dry run for each right to make something; what AWS refuses for another reason is permitted.

    What ends things is not asked: a policy that allows it for our tag alone would be told as none.
    """
    tags = {CLUSTER: "probe"}
    launch = {"ImageId": image or "ami-00000000000000000", "InstanceType": PROBE, "MinCount": 1, "MaxCount": 1}
    probes: dict[str, tuple[dict[str, object], list[str]]] = {
        "run_instances": ({**launch}, ["instance", "volume"]),
        "create_security_group": ({"GroupName": "cloudclusters-probe", "Description": "none"}, ["security-group"]),
        "create_placement_group": ({"GroupName": "cloudclusters-probe", "Strategy": "cluster"}, ["placement-group"]),
    }
    for action, (said, made) in probes.items():
        tagged = {**said, "TagSpecifications": [specification(kind, tags) for kind in made]}
        yield _permission(account, region, action, tagged)


def _permission(account: Account, region: str, action: str, said: dict[str, object]) -> Check:
    name = f"may {action.replace('_', ' ')}"
    try:
        account.do(region, action, DryRun=True, **said)
    except (CredentialsRefused, ProviderUnavailable) as exc:
        return _bad(name, exc)
    except ProviderError as exc:
        return Check(name=name, ok=True, found="yes" if code_of(exc) == "DryRunOperation" else f"yes ({code_of(exc)})")
    return Check(name=name, ok=True, found="yes")


def _quota(account: Account, region: str, market: Market) -> Check:
    quota = read_quota(account, region, Need(instance_type=PROBE, market=market, vcpus=0))
    name = f"quota {_MARKETS[market]}"
    if quota is None:
        return Check(name=name, ok=True, found="cannot be read; the launch tells when it is too small")
    hint = "" if quota.value > 0 else f"ask for more of {quota.quota_code} in Service Quotas of AWS' console"
    found = f"{quota.value:g} vCPUs: {quota.quota_name} ({quota.quota_code})"
    return Check(name=name, ok=not hint, found=found, hint=hint)


def _bad(name: str, error: CloudClustersError) -> Check:
    return Check(name=name, ok=False, found=error.message, hint=error.hint)
