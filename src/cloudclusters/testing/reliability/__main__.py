"""Try the whole table and write the page: `python -m cloudclusters.testing.reliability docs/reliability.md`."""

from __future__ import annotations

import argparse
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from cloudclusters.testing.bed import image, world
from cloudclusters.testing.reliability import ledger
from cloudclusters.testing.reliability.page import page
from cloudclusters.testing.reliability.table import KILLED, Entry, Outcome, entries
from cloudclusters.testing.reliability.worker import Wish

WORKERS = 3
STEPS = {"fake": 1, "local": 9, "ec2": 11}
"""Every how many-th point is tried where the driver is killed, so that all ends within half an hour."""
FAULT_STEPS = {"fake": 2, "local": 9, "ec2": 29}
"""The same for the other faults."""


def main() -> int:
    """Try all of it in so many processes at once, and write what came of it; 1 when something was left or not tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="the page to write")
    parser.add_argument("--only", default="", help="only entries whose fault, verb or provider has this text")
    parser.add_argument("--every", type=int, help="try every how many-th point, of all; 1 takes hours")
    said = parser.parse_args()
    obstacle = world.obstacle() or image.obstacle()
    if obstacle:
        sys.stderr.write(f"the whole table cannot be tried here: {obstacle}\n")
        return 3
    image.root_image()
    wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
    for entry in entries():
        if said.only in f"{entry.fault}, {entry.verb}, {entry.provider}":
            wishes.put(_wish(entry, said.every))
    began, asked, found = time.monotonic(), wishes.qsize(), list[Outcome]()
    with ledger.beside() as counting:
        threads = [threading.Thread(target=_serve, args=(wishes, found)) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counted = ledger.heard(counting)
    said.page.write_text(page(found, counted, minutes=(time.monotonic() - began) / 60), encoding="utf-8")
    good = counted is not None and counted.apart <= ledger.MOST and len(found) == asked
    return 0 if good and not any(outcome.wrong for outcome in found) else 1


def _wish(entry: Entry, every: int | None) -> Wish:
    killed = entry.fault == KILLED
    step = every or (STEPS if killed else FAULT_STEPS)[entry.provider]
    return Wish(entry=entry, step=step, each=killed and entry.provider == "fake")


def _serve(wishes: queue.SimpleQueue[Wish], found: list[Outcome]) -> None:
    """One worker in a world of its own, until no wish is left."""
    command = world.command_inside([sys.executable, "-m", "cloudclusters.testing.reliability.worker"])
    with subprocess.Popen(
        command, env=world.environment_inside(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        while not wishes.empty():
            try:
                wish = wishes.get_nowait()
            except queue.Empty:
                return
            worker.stdin.write(msgspec.json.encode(wish).decode() + "\n")
            worker.stdin.flush()
            outcome = msgspec.json.decode(worker.stdout.readline(), type=Outcome)
            found.append(outcome)
            _report(outcome)
        worker.stdin.close()


def _report(outcome: Outcome) -> None:
    entry = outcome.entry
    sys.stderr.write(
        f"{entry.fault}, {entry.verb}, {entry.provider}: {outcome.cases} cases in {outcome.seconds} s"
        + "".join(f"\n    {wrong}" for wrong in outcome.wrong)
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
