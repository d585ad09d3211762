"""Runs the tests of a folder in a private world, one by one in the report, as if they ran here.

A folder takes part by the one line of `cloudclusters.testing.bed.fixtures`; its tests bear the mark `bed`.
Outside a world, the selected tests of all such folders run in one pytest of their own inside a world, whose reports are
shown here as they come. Where no world can be made they are skipped with the reason; with
CLOUDCLUSTERS_TEST_BED=required they fail instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloudclusters.testing.bed import image, world

_REPORTS = "CLOUDCLUSTERS_BED_REPORTS"
"""Names, inside, the file that reports are written to."""
_REQUIRED = os.environ.get("CLOUDCLUSTERS_TEST_BED") == "required"


class _Inner:
    """The pytest inside the world, and its reports so far."""

    def __init__(self, session: pytest.Session, names: list[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cloudclusters-bed-")
        self._output, reports = Path(self._folder.name, "output"), Path(self._folder.name, "reports")
        reports.touch()
        # The plugin of random order would undo the order that the outer run has chosen.
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *names]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                world.command_inside(command),
                cwd=session.config.rootpath,
                env={**world.environment_inside(), _REPORTS: str(reports)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._lines = reports.open(encoding="utf-8")
        self._begun = ""
        self._config = session.config
        self._seen: dict[str, list[pytest.TestReport]] = {}
        self._finished: set[str] = set()

    def reports_of(self, name: str) -> list[pytest.TestReport]:
        """All reports of a test; waits for them. Fails with the inner run's output if that ends without them."""
        over = False
        while name not in self._finished:
            self._read()
            if over and name not in self._finished:
                text = self._output.read_text(encoding="utf-8", errors="replace")
                pytest.exit(f"the tests in the bed ended early:\n{text[-6000:]}", returncode=1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
                over = True
        return self._seen.pop(name, [])

    def close(self) -> None:
        """End the inner run, if it still goes on, and tidy up."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._lines.close()
        self._folder.cleanup()

    def _read(self) -> None:
        for part in self._lines:
            self._begun += part
            if not self._begun.endswith("\n"):
                continue
            message, self._begun = json.loads(self._begun), ""
            if message["report"] is None:
                self._finished.add(message["name"])
            else:
                report = self._config.hook.pytest_report_from_serializable(config=self._config, data=message["report"])
                self._seen.setdefault(message["name"], []).append(report)


class _Outer:
    """This run's part: which tests run inside, and the inner run once it has begun."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.inner: _Inner | None = None

    def pytest_unconfigure(self) -> None:
        """End the inner run with this one."""
        if self.inner is not None:
            self.inner.close()


class _Reporter:
    """Inside: hands every report out as a line of JSON."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config, self._file = config, path.open("a", encoding="utf-8", buffering=1)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test is over."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._file.write(json.dumps({"name": report.nodeid, "report": data}) + "\n")

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has no more reports."""
        self._file.write(json.dumps({"name": nodeid, "report": None}) + "\n")

    def pytest_unconfigure(self) -> None:
        """Close the file."""
        self._file.close()


_PLACE = pytest.StashKey[_Outer]()


def is_of_bed(item: pytest.Item) -> bool:
    """Whether a test runs in the bed."""
    return item.get_closest_marker("bed") is not None


def bed_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests of the bed before all others, each in the order there is.

    After a test pytest leaves standing what the next one needs as well; the next one must be one that it runs itself.
    """
    return sorted(items, key=lambda item: not is_of_bed(item))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where no world can be made, skip the tests of the bed, or refuse to go on; else let their time be kept inside.

    They come before all others, in the order that was chosen among them.
    """
    concerned = [item for item in items if is_of_bed(item)]
    if world.is_inside():
        path = os.environ.get(_REPORTS)
        if path is not None and not config.pluginmanager.has_plugin("cloudclusters-bed"):
            config.pluginmanager.register(_Reporter(config, Path(path)), "cloudclusters-bed")
        return
    if not concerned:
        return
    items[:] = bed_first(items)
    obstacle = world.obstacle() or image.obstacle()
    if obstacle and _REQUIRED:
        raise pytest.UsageError(f"CLOUDCLUSTERS_TEST_BED=required, but: {obstacle}")
    for item in concerned:
        item.add_marker(pytest.mark.skip(reason=obstacle) if obstacle else pytest.mark.timeout(0), append=False)
    if not obstacle and _PLACE not in config.stash:
        config.stash[_PLACE] = _Outer()
        config.pluginmanager.register(config.stash[_PLACE], "cloudclusters-bed")


def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Show the inner run's reports of this test in place of running it."""
    outer = item.config.stash.get(_PLACE, None)
    if outer is None or item.get_closest_marker("bed") is None:
        return None
    if outer.inner is None:
        image.root_image()
        names = [other.nodeid for other in item.session.items if other.get_closest_marker("bed") is not None]
        outer.inner = _Inner(item.session, names)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in outer.inner.reports_of(item.nodeid):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
