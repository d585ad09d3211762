"""What security is tried on: clusters on the simulated EC2, with credentials that can be recognised."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest
from tests.cloud.conftest import ec2

from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol

__all__ = ["bed", "ec2", "open_bed", "pytest_collection_modifyitems", "pytest_runtest_protocol"]


@pytest.fixture
def account(ec2: object, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, bytes]:
    """Credentials of this test alone, in the driver's environment as a user has them."""
    made = {name: secrets.token_urlsafe(30) for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    return {name: value.encode() for name, value in made.items()}
