"""The right to run a verb on the cluster: one holder at a time, among drivers that share nothing but this agent.

Its number only rises, so whoever wakes up late holds an old one. It ends by itself when it is not renewed.
"""

from __future__ import annotations

import json
import os
import time

from .checks import Refused
from .files import write_file
from .system import read_file

FILE = "agent.lease"


class Lease:
    """The lease that the agent of a directory keeps, in a file, so that it outlives the agent."""

    def __init__(self, directory: str, boot: str) -> None:
        self._path = os.path.join(directory, FILE)
        self._boot = boot
        self.number, self.holder, self.who, self.verb = int(time.time()), "", "", ""
        """A first number that is above all of a file that was lost."""
        self.taken = self.until = 0.0
        """By the monotonic clock of this boot."""
        self._read()

    def take(self, holder: str, who: str, verb: str, seconds: float) -> int:
        """Give it to a holder, who may have it already (in an earlier life); its number. Raises Refused (`held`)."""
        if self._lives() and self.holder != holder:
            age = time.monotonic() - self.taken
            raise Refused("held", f"`{self.verb}` is being run by {self.who}, for {age:.0f} s")
        now = time.monotonic()
        self._write(self.number + 1, holder, who, verb, now, now + seconds)
        return self.number

    def renew(self, number: int, seconds: float) -> int:
        """Let the holder of this number go on for so long. Raises Refused (`lost`) when it is no longer the holder."""
        if number != self.number or not self._lives():
            other = f"taken over by {self.who} (`{self.verb}`)" if self._lives() else "not renewed in time"
            raise Refused("lost", f"the lease number {number} was {other}")
        self._write(number, self.holder, self.who, self.verb, self.taken, time.monotonic() + seconds)
        return number

    @property
    def verb_under_way(self) -> str:
        """The verb of whoever holds it now; empty when nobody does."""
        return self.verb if self._lives() else ""

    def release(self, number: int) -> None:
        """Let go; silent for who is not the holder."""
        if number == self.number and self.holder:
            self._write(number, "", "", "", 0.0, 0.0)

    def _lives(self) -> bool:
        return bool(self.holder) and time.monotonic() < self.until

    def _write(self, number: int, holder: str, who: str, verb: str, taken: float, until: float) -> None:
        """Keep it on the disk first: what could not be written was not given."""
        said = {"number": number, "holder": holder, "who": who, "verb": verb, "taken": taken, "until": until}
        write_file(self._path, json.dumps({**said, "boot": self._boot}).encode(), 0o600)
        self.number, self.holder, self.who, self.verb = number, holder, who, verb
        self.taken, self.until = taken, until

    def _read(self) -> None:
        """As the file says; of an earlier boot, or of a file that nobody can read, only the number counts."""
        try:
            said = json.loads(read_file(self._path) or "{}")
            self.number = int(said["number"])
            if said["boot"] == self._boot:
                self.holder, self.who, self.verb = str(said["holder"]), str(said["who"]), str(said["verb"])
                self.taken, self.until = float(said["taken"]), float(said["until"])
        except (ValueError, TypeError, KeyError, OverflowError):
            return
