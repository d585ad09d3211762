"""The private world: nothing outside it changes, nothing inside it gets out, and it leaves nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cloudclusters.testing.bed import Bed, world
from cloudclusters.testing.bed.host import BedError

pytestmark = [pytest.mark.root, pytest.mark.slow]
needs_world = pytest.mark.skipif(bool(world.obstacle()), reason=world.obstacle() or "none")


def run_inside(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a world of its own."""
    words = [sys.executable, "-m", "cloudclusters.testing.bed.world", *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def test_bed_refuses_to_open_in_the_machines_own_network() -> None:
    """Outside a world it would change the machine's routes and firewall."""
    with pytest.raises(BedError, match=r"cloudclusters\.testing\.bed\.world"):
        Bed().__enter__()


@needs_world
def test_world_has_no_way_out_and_tells_how_its_command_ended() -> None:
    """Only the loopback interface is there, no route, and the exit status comes back."""
    done = run_inside("sh", "-c", "ip -o link show; ip route show; exit 7")

    assert done.returncode == 7
    assert [line.split(":")[1].strip() for line in done.stdout.splitlines()] == ["lo"]


@needs_world
def test_world_ends_what_was_started_in_it() -> None:
    """A process that the command leaves behind ends with it; the machine's network is as before."""
    before = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    done = run_inside("sh", "-c", "setsid sleep 4711 & ip link add bed0 type bridge; readlink /proc/self/ns/pid")
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

    assert done.returncode == 0
    assert "sleep 4711" not in listing.splitlines()
    assert subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout == before
