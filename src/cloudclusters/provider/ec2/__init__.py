"""Machines of Amazon EC2: groups and launches bear our tags, and by tags alone everything is found again."""

from __future__ import annotations

from collections.abc import Mapping

from cloudclusters.provider.ec2.rates import RATES
from cloudclusters.provider.protocol import Plugin, Provider, Site, Traits

TRAITS = Traits(
    elastic=True,
    spot=True,
    stops_spot=False,
    ssh=True,
    root_disk_bytes=16 << 40,  # a gp3 volume
    metadata="169.254.169.254:80",
    settles_after=10.0,
    rates=RATES,
)


def open_ec2(site: Site) -> Provider:
    """Open the provider; calls nothing yet. Raises `InvalidSetting`."""
    from cloudclusters.provider.ec2.provider import Ec2Provider

    return Ec2Provider(site)


def least_policy(section: Mapping[str, str]) -> str:
    """The least IAM policy for these settings, as JSON. Raises `InvalidSetting`."""
    from cloudclusters.provider.ec2.policy import policy
    from cloudclusters.provider.ec2.settings import read

    return policy(read(section))


PLUGIN = Plugin(
    name="ec2",
    title="Amazon EC2",
    traits=TRAITS,
    open=open_ec2,
    extra="aws",
    modules=("boto3", "botocore"),
    settings={
        "profile": "the profile of ~/.aws whose credentials are used; by default what every AWS tool would take",
        "caller_address": "who may enter by SSH: an address, a block such as 198.51.100.0/24, an https:// URL that "
        "answers with our address, or `!COMMAND` that prints it; by default https://checkip.amazonaws.com is asked",
        "key_name": "an EC2 key pair of yours that may log in on the nodes, too",
        "image": "which image, when `imageid` names none: ubuntu-24.04 (the default), ubuntu-22.04, debian-12, "
        "amazon-linux-2023, or the path of an SSM parameter that holds an image id",
        "instance_profile": "the name of an IAM instance profile that the nodes get; by default none",
        "public_address": "whether nodes get public addresses (true or false; true by default)",
        "sweep_regions": "the regions that are looked through for what we hold, with spaces between; "
        "by default all that the account has enabled",
    },
    variables={"AWS_DEFAULT_REGION": "region", "AWS_REGION": "region"},
    policy=least_policy,
)
