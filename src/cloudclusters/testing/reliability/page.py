"""The page: what was tried, and what was left."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Sequence

from cloudclusters.testing.reliability.following import COMMANDS, WITHOUT_STORE
from cloudclusters.testing.reliability.ledger import Counted
from cloudclusters.testing.reliability.table import KILLED, PROVIDERS, Outcome
from cloudclusters.testing.reliability.verbs import ROWS

NOTHING = "nothing"

_LEDGER = """
Two machines on the simulated EC2 lived for {minutes:.0f} minutes together, with a stop and a start in between.
The ledger has {ledger:.1f} machine-seconds, the simulated EC2 itself counted {billed:.1f}: {apart:.2%} apart.
"""
_TOP = """# Reliability

The first promise of cloudclusters is that no machine is forgotten.
Here is how that was tried, and what was left.
This page is generated: `make reliability` tries all of it again and writes it anew, within half an hour on two cores.
A sample of it runs in the tests.

Three providers are tried: `fake`, a cloud in a file; `local`, real processes on this machine; and `ec2`, the provider
for AWS against a simulated EC2 whose instances are real Linux hosts with SSH ([the test bed](notes/0009-test-bed.md)).
Nothing here was tried on AWS itself.

A *case* is a fresh cluster of two nodes, one fault, and then the next command from a new process.
A case is good when all of this is so:

- after the next command every machine that bears our tag is a node's in a record, every node has its machine, and no
  verb seems to be under way;
- what lives can be brought back to two running nodes (after `status` and `reconnect`), and terminated;
- then nothing is left: no machine, disk, group, key or host at the provider, no open record, step or key at home.
"""
_POINTS = """
## The driver is killed

The driver gets SIGKILL at one *point* of a verb: just before or after a write to the store, a call to the provider (on
EC2 every single call that changes something), a connection to a node, a request to its agent, or a command on it; on
`local` also before every file or process that is made or removed.
The next commands are {commands}; where the store was deleted in between, so that tags are all there is, {without}.
On `fake` all of them are tried at a point; elsewhere they take turns.
Where not every point was tried the table says which were.
"""
_FAULTS = """
## Other faults

After each comes one of the next commands, in turns.
A driver that is not killed must end well, or say what is wrong by an error of ours.
"""
_NOTES = """
How some of them are made:

- *Two drivers at once*: two processes begin two verbs on one cluster in the same moment; at least one is done, and the
  other is done afterwards or told why not.
- *A laptop sleeps past its lease*: the driver is stopped (SIGSTOP) at a point, another host mends what it left when the
  lease has expired, and the driver goes on.
- *The driver dies with a call under way*: EC2 acts on the call half a second later, and nobody hears the answer.
- *The provider fails*: before or after the effect of a call; on `fake` each call in turn, on `ec2` each kind of call.
- *The disk of the store is full*: the home is a small file system that is full from a point on until the next command.
- *The store has no write-ahead log*: it is in the journal mode that it gets on a network file system.
  The file system itself is one of this machine: no network file system was at hand.
- *Two users share the account*: somebody else's cluster runs beside it, and must be untouched.
"""


def page(outcomes: Sequence[Outcome], counted: Counted | None, *, minutes: float) -> str:
    """The whole page; without `counted` it says that the ledger was not compared."""
    killed = [outcome for outcome in outcomes if outcome.entry.fault == KILLED]
    others = [outcome for outcome in outcomes if outcome.entry.fault != KILLED]
    without = list(
        dict.fromkeys(name.removesuffix(", store lost") for names in WITHOUT_STORE.values() for name in names)
    )
    points = _POINTS.format(commands=_listed(COMMANDS), without=_listed(without))
    parts = [
        _TOP,
        _facts(outcomes, minutes),
        points,
        _crashes(killed),
        _FAULTS,
        _faults(others),
        _NOTES,
        _ledger(counted),
        _wrong(outcomes),
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def rows_of(text: str) -> list[tuple[str, ...]]:
    """The rows of the tables of a page, cell by cell, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if "---" not in line]


def left_of(outcomes: Iterable[Outcome]) -> str:
    """What was wrong or left in all of these, as the table says it."""
    wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    return f"**something in {wrong}**" if wrong else NOTHING


def _facts(outcomes: Sequence[Outcome], minutes: float) -> str:
    cases = sum(outcome.cases for outcome in outcomes)
    wrong = sum(len(outcome.wrong) for outcome in outcomes)
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{cases} cases were tried on {today} in {minutes:.0f} minutes; left was: {wrong or NOTHING}.\n"
        f"The machine had {os.cpu_count()} cores, Linux {platform.release().split('-')[0]} "
        f"and Python {platform.python_version()}."
    )


def _crashes(outcomes: Sequence[Outcome]) -> str:
    lines = [f"| verb | {' | '.join(PROVIDERS)} | left |", f"|---|{'---|' * len(PROVIDERS)}---|"]
    for row in ROWS:
        here = {o.entry.provider: o for o in outcomes if o.entry.verb == row.name}
        cells = [_cell(here[name]) if name in here else "–" for name in PROVIDERS]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {left_of(here.values())} |")
    return "\n".join(lines)


def _faults(outcomes: Sequence[Outcome]) -> str:
    lines = ["| fault | during | fake | ec2 | left |", "|---|---|---|---|---|"]
    keys = dict.fromkeys((o.entry.fault, o.entry.verb) for o in sorted(outcomes, key=_order))
    for fault, verb in keys:
        here = {o.entry.provider: o for o in outcomes if (o.entry.fault, o.entry.verb) == (fault, verb)}
        cells = [_cell(here[name]) if name in here else "–" for name in ("fake", "ec2")]
        lines.append(f"| {fault} | {verb} | {' | '.join(cells)} | {left_of(here.values())} |")
    return "\n".join(lines)


def _cell(outcome: Outcome) -> str:
    stride = "" if outcome.step == 1 else f", every {_ordinal(outcome.step)} of {outcome.points} points"
    return f"{outcome.cases} cases{stride}"


def _ordinal(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10 if number % 100 // 10 != 1 else 0, 'th') }"


def _order(outcome: Outcome) -> tuple[int, int]:
    from cloudclusters.testing.reliability.faults import FAULTS

    fault = next(number for number, each in enumerate(FAULTS) if each.name == outcome.entry.fault)
    return fault, FAULTS[fault].verbs.index(outcome.entry.verb)


def _ledger(counted: Counted | None) -> str:
    said = "**It could not be compared.**"
    if counted is not None:
        said = _LEDGER.format(
            minutes=counted.billed / 60, ledger=counted.ledger, billed=counted.billed, apart=counted.apart
        )
    return "## The ledger\n\n" + said.strip("\n")


def _wrong(outcomes: Sequence[Outcome]) -> str:
    found = [f"- {o.entry.fault}, {o.entry.verb}, {o.entry.provider}: {wrong}" for o in outcomes for wrong in o.wrong]
    return "## What was left\n\n" + "\n".join(found) if found else ""


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
