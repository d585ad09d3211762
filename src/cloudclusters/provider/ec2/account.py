"""Calls to AWS: one session, one client for each service and region, and every answer in a shape of ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar, cast

import boto3
import msgspec
from botocore.client import BaseClient
from botocore.config import Config

from cloudclusters.errors import RequestRefused
from cloudclusters.provider.ec2.errors import translated
from cloudclusters.provider.ec2.settings import Ec2Settings
from cloudclusters.provider.ec2.shapes import Regions

T = TypeVar("T")


class Account:
    """The user's account, by what every AWS tool takes as credentials; safe from many threads."""

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._known: dict[tuple[str, ...], object] = {}

    def region(self, wanted: str, settings: Ec2Settings) -> str:
        """The region that is meant: the wanted one, else that of settings, environment or profile."""
        found = wanted or settings.region or os.environ.get("AWS_REGION", "")
        if not found:
            with self._lock, translated("find the profile", "~/.aws"):
                found = self._opened().region_name or ""
        if not found:
            raise RequestRefused("no region for ec2", hint="write [ec2] region, such as 'us-east-1', or set AWS_REGION")
        return found

    def ask(self, region: str, action: str, shape: type[T], **said: object) -> T:
        """Make one call, such as `describe_vpcs` of EC2 or `sts:get_caller_identity`. Raises our errors."""
        service, _, method = action.rpartition(":")
        with translated(_spelled(method), region):
            answer = getattr(self.client(service or "ec2", region), method)(**said)
        return msgspec.convert(answer, shape)

    def every(self, region: str, action: str, shape: type[T], **said: object) -> T:
        """Make one call of EC2 and those for its further pages. Raises our errors."""
        with translated(_spelled(action), region):
            pages = self.client("ec2", region).get_paginator(action).paginate(**said)
            answer = pages.build_full_result()
        return msgspec.convert(answer, shape)

    def do(self, region: str, action: str, **said: object) -> None:
        """Make one call whose answer says nothing. Raises our errors."""
        self.ask(region, action, dict[str, object], **said)

    def known(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What was found before under this key, or is made now: for facts that do not change."""
        with self._lock:
            if key in self._known:
                return cast(T, self._known[key])
        found = make()
        with self._lock:
            self._known[key] = found
        return found

    def regions(self, settings: Ec2Settings) -> list[str]:
        """The regions that are looked through: those of the settings, else all that the account has enabled."""
        if settings.sweep_regions:
            return list(settings.sweep_regions)
        here = self.region("", settings)
        return sorted(row.region_name for row in self.ask(here, "describe_regions", Regions).regions)

    def client(self, service: str, region: str) -> BaseClient:
        """The client of a service in a region, the same for all who ask; its errors are the SDK's."""
        with self._lock:
            if (service, region) not in self._clients:
                # How often is left to AWS_MAX_ATTEMPTS: three times by default, all told.
                config = Config(
                    retries={"mode": "standard"},
                    connect_timeout=10,
                    read_timeout=30,
                    max_pool_connections=16,
                    user_agent_extra="cloudclusters",
                )
                made = self._opened().client(service, region_name=region, config=config)
                self._clients[service, region] = made
            return self._clients[service, region]

    def _opened(self) -> boto3.Session:
        if self._session is None:
            self._session = boto3.Session(profile_name=self._profile or None)
        return self._session


def _spelled(action: str) -> str:
    """`run_instances` as AWS writes it."""
    return "".join(part.capitalize() for part in action.split("_")).replace("Ssh", "SSH")
