"""Addresses that are given again, to another host."""

from __future__ import annotations

from pathlib import Path

import pytest
from bed_client import Cloud

from cloudclusters.testing.bed import Bed

pytestmark = pytest.mark.bed


def test_host_with_the_address_of_one_that_is_gone_is_found_at_once(bed: Bed, tmp_path: Path) -> None:
    """It has the same hardware address, which whoever spoke with the old one remembers for most of a minute."""
    seen = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        cloud = Cloud(bed, tmp_path / name)
        (instance,) = cloud.wait(cloud.run(), "running")
        seen.append((instance["PrivateIpAddress"], cloud.ssh(instance, "cat /sys/class/net/eth0/address").stdout))
        bed.clear()

    assert seen[0] == seen[1]
