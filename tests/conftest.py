"""What every test has: a home of its own, a clean environment, and no cluster left behind; and a count per tier."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing where other tests run beside it.
settings.register_profile("cloudclusters", deadline=None)
settings.load_profile("cloudclusters")

pytest.register_assert_rewrite("cloudclusters.testing.provider_suite")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh CLOUDCLUSTERS_HOME, and none of the user's own settings."""
    for name in list(os.environ):
        if name.startswith(("CLOUDCLUSTERS_", "CLOUD_CLUSTERS_")):
            monkeypatch.delenv(name)
    place = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv("CLOUDCLUSTERS_HOME", str(place))
    monkeypatch.setenv("NO_COLOR", "1")
    return place


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what the processes of its clusters wrote last: some faults come once in many runs."""
    report = yield
    place = getattr(item, "funcargs", {}).get("home")
    if report.failed and place is not None:
        for log in sorted(place.rglob("*.log")):
            text = log.read_text("utf-8", errors="replace")
            report.sections.append((f"end of {log.relative_to(place)}", text[-4000:]))
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part 1/2` and `--part 2/2` are all tests together."""
    parser.addoption("--part", default="1/1", metavar="K/N", help="run the K-th of N parts of the selected tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep this run's part: by name, whatever their order."""
    part, parts = (int(word) for word in config.getoption("--part").split("/"))
    mine = [zlib.crc32(item.nodeid.encode()) % parts == part - 1 for item in items]
    config.hook.pytest_deselected(items=[item for item, is_mine in zip(items, mine, strict=True) if not is_mine])
    items[:] = [item for item, is_mine in zip(items, mine, strict=True) if is_mine]


_TIERS = ("bed", "root", "slow")
"""By their marks, dearest first; a test that has none of them is fast."""
_TIER_OF = pytest.StashKey[dict[str, str]]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test in the bed is slow and needs root, so that it need not say so."""
    if item.get_closest_marker("bed") is not None:
        item.add_marker("root")
        item.add_marker("slow")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Remember the tier of every test; a report does not tell marks from names of folders."""
    session.config.stash[_TIER_OF] = {
        item.nodeid: next((tier for tier in _TIERS if item.get_closest_marker(tier) is not None), "fast")
        for item in session.items
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests of each tier ran, and how many did not, and why."""
    tiers = config.stash.get(_TIER_OF, {})
    ran, skipped = Counter[str](), {tier: Counter[str]() for tier in ("fast", *_TIERS)}
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            tier = tiers.get(getattr(report, "nodeid", ""))
            if tier is None or not isinstance(report, pytest.TestReport):
                continue
            if outcome == "skipped":
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                skipped[tier][reason.removeprefix("Skipped: ")] += 1
            elif report.when == "call" or outcome == "error":
                ran[tier] += 1
    parts = []
    for tier in ("fast", *reversed(_TIERS)):
        why = "; ".join(skipped[tier])
        parts.append(f"{tier} {ran[tier]}" + (f" (skipped {skipped[tier].total()}: {why})" if why else ""))
    terminalreporter.write_line(f"tests per tier: {', '.join(parts)}")
