"""From a program's start to all of N instances computing, and from `terminate` to nothing left, on the simulated EC2.

Against a hand-written script (`ec2_rival.py`) in the same run, by turns, without and with TLS. The instances are real
hosts of the test bed, which needs root; they and the client share this machine's cores, so that large N tell how much
work all Pythons together have to start.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from benchmarks.budget import Row, amount, medians
from benchmarks.taking_turns import PYTHON, environment

if TYPE_CHECKING:
    from cloudclusters.testing.bed import Bed

ROUNDS = {4: 3, 16: 1, 32: 1}
"""How often each number of nodes is deployed."""
PENDING, BOOT = 1.0, 2.0
DEPLOY, TERMINATE, TERMINATE_S, CALLS, RATE, STALLS = 1.3, 1.3, 1.0, 12, 0.8, 2
LOOKS = ("DescribeInstances", "DescribeInstanceStatus")
"""Calls that are made again and again while something is waited for."""
_HERE = Path(__file__).parent


class Outcome(TypedDict):
    """What one program did."""

    seconds: dict[str, float]
    rates: dict[str, dict[str, float]]
    calls: dict[str, int]
    """Of the cloud, by action, until the program lets go of it."""


def programs(count: int, bed: Bed) -> dict[str, Sequence[str]]:
    """The commands that are compared."""
    rival = (str(_HERE / "ec2_rival.py"), str(count))
    who = (sys.executable, bed.client_address)
    ours = (str(_HERE / "our_ec2_cluster.py"), str(count))
    return {"ours": ours, "plain": (*rival, "plain", *who), "tls": (*rival, "tls", *who)}


def rows() -> list[Row]:
    """All of it; needs root and the bed, and says so where they are not."""
    from cloudclusters.testing.bed import image, world

    if lack := world.obstacle() or image.obstacle():
        print(f"ec2_deploying: not measured: {lack}", file=sys.stderr)
        return []
    image.root_image()  # before the world, which sees no network
    inside = world.command_inside((PYTHON, "-m", "benchmarks.ec2_deploying", "--inside"))
    done = subprocess.run(inside, env=world.environment_inside(), stdout=subprocess.PIPE, check=True)
    found = {int(count): each for count, each in json.loads(done.stdout.splitlines()[-1]).items()}
    return [row for count, each in found.items() for row in _rows(count, each)]


def _rows(count: int, rounds: Sequence[Mapping[str, Outcome]]) -> list[Row]:
    """The rows of one number of nodes."""
    found = {name: medians([each[name]["seconds"] for each in rounds]) for name in rounds[0]}
    ours, what = found["ours"], f"deploy {count} EC2 nodes, to all computing"
    table = [
        Row(
            what=what, measured=ours["computing"], unit="s", against=against, baseline=found[name]["computing"],
            most=DEPLOY,
        )
        for against, name in (("boto3 + asyncssh + Dask, no TLS", "plain"), ("the same with TLS", "tls"))
    ]  # fmt: skip
    calls = [each["ours"]["calls"] for each in rounds]
    once = max(sum(number for action, number in each.items() if action not in LOOKS) for each in calls)
    looks = max(sum(each.get(action, 0) for action in LOOKS) for each in calls)
    table += [
        Row(what="of it until cc.deploy returns", measured=ours["deployed"], unit="s"),
        Row(what="cloud calls of the deploy, beside looking", measured=once, unit="", most=CALLS),
        Row(what="looks at the cloud meanwhile", measured=looks, unit=""),
        Row(
            what=f"terminate {count}, machines gone until it returns", measured=ours["lag"], unit="s", most=TERMINATE_S
        ),
        _gone(f"terminate {count}, until machines are gone", ours["machines"], found["plain"]["machines"]),
    ]
    rated = [each["ours"]["rates"] for each in rounds if each["ours"]["rates"]]
    return table + (_rates(rated[0]) if rated else [])


def _gone(what: str, ours: float, plain: float) -> Row:
    """Within a second where the provider allows that: else, as soon as a script by hand has it."""
    against = "the hand-written script"
    if plain <= TERMINATE_S:
        return Row(what=f"{what} ({against}: {amount(plain, 's')})", measured=ours, unit="s", most=TERMINATE_S)
    return Row(what=what, measured=ours, unit="s", against=against, baseline=plain, most=TERMINATE)


def _rates(found: Mapping[str, Mapping[str, float]]) -> list[Row]:
    tunnel, direct, against = found["tunnel"], found["direct"], "a direct client"
    return [
        Row(
            what="tasks through the tunnel", measured=tunnel["tasks"], unit="tasks/s", against=against,
            baseline=direct["tasks"], least=RATE,
        ),
        Row(
            what="60 kB result through the tunnel", measured=tunnel["result"], unit="s", against=against,
            baseline=direct["result"], most=1 / RATE,
        ),
        Row(what="stalls over 30 ms in 40 of them", measured=tunnel["stalls"], unit="", most=STALLS),
    ]  # fmt: skip


def measured(names: Sequence[str], counts: Mapping[int, int]) -> dict[int, list[dict[str, Outcome]]]:
    """Run the programs in a bed of this world; one round before the first warms up and is thrown away."""
    from cloudclusters.testing.bed import Bed
    from cloudclusters.testing.bed.shared import python_folders

    with (
        tempfile.TemporaryDirectory() as home,
        Bed(pending_delay=PENDING, boot_delay=BOOT, shared=python_folders()) as bed,
    ):

        def one_round(count: int) -> dict[str, Outcome]:
            commands = programs(count, bed)
            return {name: _outcome(bed, commands[name], home) for name in names}

        one_round(min(counts))
        found = {count: [one_round(count) for _ in range(rounds)] for count, rounds in counts.items()}
        if "ours" in names:
            rated = _outcome(bed, (*programs(min(counts), bed)["ours"], "rates"), home)
            found[min(counts)][0]["ours"]["rates"] = rated["rates"]
    return found


def _outcome(bed: Bed, command: Sequence[str], home: str) -> Outcome:
    """Run one program to its end, and see when its machines are gone; raises when it fails or leaves something."""
    settings = {"CLOUDCLUSTERS_EC2_CALLER_ADDRESS": bed.client_address, "PYTHONPATH": str(_HERE.parent)}
    names = {**environment(Path(home)), **bed.environment(), **settings, "TMPDIR": home}
    bed.calls.clear()
    begun = time.monotonic()
    process = subprocess.Popen((PYTHON, *command), env=names, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    last = [begun]

    def watch() -> None:
        while process.poll() is None:
            if bed.instances.living():
                last[0] = time.monotonic()
            threading.Event().wait(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    watcher.join()
    if process.returncode != 0 or bed.left():
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}, left {bed.left()}:\n{err[-3000:]}")
    said = json.loads(out.splitlines()[-1])
    moments = said.get("moments", said)
    asked = moments.pop("asked")
    seconds = {name: at - begun for name, at in moments.items()}
    seconds |= {"machines": last[0] - asked, "lag": moments["gone"] - last[0]}
    deploying = [done.call.action for done in bed.calls.done if done.at < asked]
    print(
        " ".join([Path(command[0]).stem, *command[1:3], *(f"{k} {s:.2f}" for k, s in seconds.items())]), file=sys.stderr
    )
    return Outcome(seconds=seconds, rates=said.get("rates", {}), calls=dict(Counter(deploying)))


def main(arguments: Sequence[str]) -> None:
    """`--inside [NAME…] [COUNT…]`: measure in this world, all programs and counts where none is named."""
    counts = {int(word): ROUNDS.get(int(word), 1) for word in arguments if word.isdecimal()}
    names = [word for word in arguments if word.isalpha()]
    print(json.dumps(measured(names or ["ours", "plain", "tls"], counts or ROUNDS)))


if __name__ == "__main__":
    if "--inside" in sys.argv:
        main([word for word in sys.argv[1:] if word != "--inside"])
    else:
        from benchmarks.budget import table

        print(table(rows()))
