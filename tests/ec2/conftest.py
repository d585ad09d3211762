"""The provider `ec2` against the bed: its own process-wide settings of AWS, and a client that looks from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Offer, Place
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.provider import Ec2Provider
from cloudclusters.provider.protocol import Site
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol

pytest.register_assert_rewrite("cloudclusters.testing.provider_suite")

__all__ = ["bed", "open_bed", "pytest_collection_modifyitems", "pytest_runtest_protocol"]


@pytest.fixture
def aws(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """The bed, as every AWS tool of this process finds it; nothing is repeated behind our back."""
    for name, value in {**bed.environment(), "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    return bed


@pytest.fixture(scope="session")
def account() -> Account:
    """One account for most tests: the SDK takes half a second to read what EC2 can do."""
    return Account("")


@pytest.fixture
def open_ec2(aws: Bed, account: Account, tmp_path: Path) -> Callable[..., Ec2Provider]:
    """Open the provider with some settings beside the caller's address."""

    def opened(**settings: str) -> Ec2Provider:
        section = {"caller_address": aws.client_address, "sweep_regions": "us-east-1 eu-west-1", **settings}
        return Ec2Provider(Site(home=tmp_path, owner="me@test", settings=section), account)

    return opened


@pytest.fixture
def provider(open_ec2: Callable[..., Ec2Provider]) -> Ec2Provider:
    """The provider with no settings of the user's."""
    return open_ec2()


@pytest.fixture
def offer() -> Offer:
    """What the tests launch."""
    return Offer(provider="ec2", instance_type="t3.micro", place=Place("us-east-1"))


@pytest.fixture
def ec2(aws: Bed, account: Account) -> object:
    """EC2 as the official SDK shows it."""
    return account.client("ec2", "us-east-1")
