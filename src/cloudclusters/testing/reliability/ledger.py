"""The ledger against the bed's own count: a cluster that lives for minutes, with a stop in between."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store import Kind
from cloudclusters.testing.bed import world
from cloudclusters.testing.reliability.points import Points
from cloudclusters.testing.reliability.stage import Stage
from cloudclusters.testing.reliability.table import use
from cloudclusters.testing.reliability.worker import open_bed

if TYPE_CHECKING:
    from cloudclusters.testing.bed.bed import Bed

EACH = 150.0
"""Seconds that the machines live before the stop, and again after it: EC2 tells times in whole seconds."""
MOST = 0.01
"""How far apart the two may be, as a part of what was billed."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Machine-seconds by the ledger, and by the cloud's own count."""

    ledger: float
    billed: float

    @property
    def apart(self) -> float:
        """How far apart they are, as a part of what was billed."""
        return abs(self.ledger - self.billed) / self.billed


def count(bed: Bed, *, each: float = EACH) -> Counted:
    """Let two machines live on the bed, stop them in between, delete them, and add up both counts."""
    with tempfile.TemporaryDirectory(prefix="cloudclusters-ledger-") as folder:
        stage = Stage(provider="ec2", folder=Path(folder), caller=bed.client_address, settles_after=0.3)
        ctx = stage.context(Points(lambda _: None))
        entries = ctx.store.entries(asyncio.run(_live(ctx, stage, each)))
        ledger = sum(entry.seconds(time.time()) for entry in entries if entry.kind is Kind.COMPUTE)
        return Counted(ledger=ledger, billed=sum(bed.bill().values()))


async def _live(ctx: Context, stage: Stage, each: float) -> str:
    record = await deploy(ctx, stage.plan())
    await ctx.clock.sleep(each)
    await interrupt(ctx, record.handle)
    await resume(ctx, record.handle)
    await ctx.clock.sleep(each)
    await terminate(ctx, record.handle)
    return record.handle


@contextlib.contextmanager
def beside() -> Iterator[subprocess.Popen[str]]:
    """Count in a process and a world of its own, meanwhile; it says what it counted at its end."""
    command = world.command_inside([sys.executable, "-m", __name__])
    with subprocess.Popen(command, env=world.environment_inside(), stdout=subprocess.PIPE, text=True) as counting:
        yield counting


def heard(counting: subprocess.Popen[str]) -> Counted | None:
    """What it counted, once it has; None when it failed, of which it says itself why."""
    said, _ = counting.communicate()
    return msgspec.json.decode(said, type=Counted) if counting.returncode == 0 else None


if __name__ == "__main__":
    with open_bed() as opened:
        assert opened is not None, "there is no bed outside a world"
        use(opened)
        sys.stdout.write(msgspec.json.encode(count(opened)).decode() + "\n")
