"""What EC2 takes beside the prices of its machines."""

from __future__ import annotations

from collections.abc import Mapping

from cloudclusters.base.cloud import InstanceState, Rates

GP3_MONTH = 0.08
"""USD per GiB of a gp3 volume and month in these regions: aws.amazon.com/ebs/pricing, 2025."""
PRICED = ("us-east-1", "us-east-2", "us-west-2")
_MONTH = 730.0
"""Hours of AWS' average month."""
_ADDRESS = 0.005
"""USD per public IPv4 address and hour in every region, since 2024-02-01: aws.amazon.com/vpc/pricing."""
_LEAST = 60.0
"""Seconds that are paid at least for every start: aws.amazon.com/ec2/pricing/on-demand."""

_ELSEWHERE = Rates(address_usd=_ADDRESS, billed_from=InstanceState.RUNNING, least=_LEAST)
_HERE = Rates(disk_usd=GP3_MONTH / _MONTH, address_usd=_ADDRESS, billed_from=InstanceState.RUNNING, least=_LEAST)
RATES: Mapping[str, Rates] = {"": _ELSEWHERE, **dict.fromkeys(PRICED, _HERE)}
"""By region; of the others, the price of a disk is not known."""
