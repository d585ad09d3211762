"""doctor: whether this machine is ready, and what to do where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from cloudclusters.cli.console import Command, json_option, say, show_rows, size
from cloudclusters.errors import CloudClustersError

LEAST_DISK = 1 << 30
"""Bytes that should be free where we keep our things."""
OLDEST = (3, 11)
_PROBES = ("127.0.0.1", "127.93.0.2")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; without `ok`, `hint` says what to do."""

    check: str
    ok: bool
    found: str
    hint: str = ""


@click.command(cls=Command)
@json_option
def doctor(as_json: bool) -> int:
    """Whether this machine is ready: Python, our home, the store, providers, loopback addresses, disk.

    A cloud that a region is configured for, or that holds a cluster of yours, is looked at, too: credentials, rights …

    Ends with 1 when something must be mended.
    """
    findings = [_safely(name, check) for name, check in CHECKS.items()]
    findings += [finding for name in _clouds() for finding in _cloud(name)]
    rows = [{"check": f.check, "ok": f.ok, "found": f.found, "hint": f.hint} for f in findings]
    titles = {"check": "check", "ok": "ok", "found": "found", "hint": "to do"}
    if all(finding.ok for finding in findings):
        del titles["hint"]
    show_rows(rows, titles, as_json=as_json, empty="no checks")
    bad = [finding.check for finding in findings if not finding.ok]
    say(f"to mend: {', '.join(bad)}" if bad else "this machine is ready; try `cloudclusters demo`")
    return 1 if bad else 0


def _safely(name: str, check: Callable[[], Finding]) -> Finding:
    """An error of ours is a finding, not the end of the examination."""
    try:
        return check()
    except CloudClustersError as exc:
        return Finding(name, False, exc.message, exc.hint)
    except OSError as exc:
        return Finding(name, False, str(exc))


def _clouds() -> list[str]:
    """The installed clouds that are in use here: a region is configured, or the store has, or had, a cluster there.

    Without one nothing is asked of anybody, and no SDK is imported.
    """
    from cloudclusters.api.session import session

    try:
        return session().clouds()
    except CloudClustersError:
        return []  # the store or the settings are a finding of their own


def _cloud(name: str) -> Iterator[Finding]:
    """What a cloud's own checks find; one that cannot look says nothing."""
    from cloudclusters.api.session import session
    from cloudclusters.provider.protocol import CanCheck

    try:
        provider = session().provider(name)
        if isinstance(provider, CanCheck):
            for each in provider.checks():
                yield Finding(f"{name}: {each.name}", each.ok, each.found, each.hint)
    except CloudClustersError as exc:
        yield Finding(name, False, exc.message, exc.hint)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info[:2] < OLDEST
    return Finding("python", not old, f"{version} at {sys.executable}", "use Python 3.11 or newer" if old else "")


def _home() -> Finding:
    import tempfile

    from cloudclusters.settings import home

    place = home()
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as exc:
        return Finding(
            "home", False, f"{place}: {exc.strerror}", "set CLOUDCLUSTERS_HOME to a folder that you may write to"
        )
    return Finding("home", True, str(place))


def _store() -> Finding:
    from cloudclusters.api.session import session

    store = session().store
    count = len(store.summaries())
    left = store.left_open()
    found = f"{store.path}, {count} clusters"
    if left:
        return Finding("store", False, f"{found}; left half-way: {', '.join(left)}", "run `cloudclusters clusters`")
    return Finding("store", True, found)


def _settings() -> Finding:
    from cloudclusters.api.session import session

    rows = session().settings.explain()
    return Finding("settings", True, f"{len(rows)} values, {sum(row[3] != 'default' for row in rows)} of them yours")


def _catalog() -> Finding:
    from cloudclusters.api.session import session

    catalog = session().catalog
    return Finding("catalog", True, f"{len(catalog.names())} instance types, newest facts of {catalog.date}")


def _providers() -> Finding:
    from cloudclusters.api.knowing import providers

    known = providers()
    there = ", ".join(each.name for each in known if each.installed)
    absent = [each for each in known if not each.installed]
    more = f"; not installed: {', '.join(each.name for each in absent)}" if absent else ""
    return Finding("providers", bool(there), f"{there}{more}", " ".join(each.hint for each in absent))


def _loopback() -> Finding:
    import socket

    for address in _PROBES:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError as exc:
                return Finding(
                    "loopback",
                    False,
                    f"{address}: {exc.strerror}",
                    "local nodes need the whole network 127.0.0.0/8, as Linux has it",
                )
    return Finding("loopback", True, "127.0.0.0/8 answers")


def _disk() -> Finding:
    import shutil

    from cloudclusters.settings import home

    place = home()
    there = next(folder for folder in (place, *place.parents, Path("/")) if folder.exists())
    free = shutil.disk_usage(there).free
    hint = "" if free >= LEAST_DISK else "free some space, or move our things with CLOUDCLUSTERS_HOME"
    return Finding("disk", free >= LEAST_DISK, f"{size(free)} free at {there}", hint)


def _machine() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    return Finding(
        "machine",
        True,
        f"{psutil.cpu_count()} processors, {size(memory.available)} of {size(memory.total)} memory free",
    )


CHECKS: dict[str, Callable[[], Finding]] = {
    "python": _python,
    "home": _home,
    "store": _store,
    "settings": _settings,
    "catalog": _catalog,
    "providers": _providers,
    "loopback": _loopback,
    "disk": _disk,
    "machine": _machine,
}
