"""Every example of the README, the tutorial and the guides runs as it is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("run_page.py")
ELSEWHERE = {"docs/guides/ec2.md": "tests/cloud runs it on the simulated EC2"}
GUIDES = sorted(f"docs/guides/{p.name}" for p in (ROOT / "docs/guides").glob("*.md"))
PAGES = ["README.md", "docs/tutorial.md", *(page for page in GUIDES if page not in ELSEWHERE)]
WRITTEN = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.is_file()
)
_LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")


def run(*pages: Path | str) -> subprocess.CompletedProcess[str]:
    """What running the examples of pages came to."""
    return subprocess.run(
        [sys.executable, str(RUNNER), *map(str, pages)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_examples_of_a_page_run(page: str) -> None:
    """What a reader types in order gives what the page promises, and leaves no cluster."""
    done = run(ROOT / page)

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\n1 + 1  # 3\n```", "promises 3, and it is 2"),
        ("```python no-run\n1 + 1\n```", "say why this does not run"),
        ("```console run\n$ echo one\ntwo\n```", "promises the line"),
        ("```console run\n$ exit 3\n```", "gave 3"),
        ("```python\nimport cloudclusters as cc\nc = cc.cluster(node_provider='local')\n"
         "cc.deploy(c, resolve=True)\n```", "left clusters"),
    ],
)  # fmt: skip
def test_an_example_that_lies_is_found(tmp_path: Path, text: str, complaint: str) -> None:
    """The runner itself must not wave things through."""
    page = tmp_path / "page.md"
    page.write_text(text)

    done = run(page)

    assert done.returncode == 1
    assert complaint in done.stdout


@pytest.mark.parametrize("page", WRITTEN)
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    """A link to a file of ours names one that is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in _LINK.findall(text) if not link.startswith(("http", "#", "mailto:"))]

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
