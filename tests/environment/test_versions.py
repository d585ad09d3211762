"""Versions of driver and node, and the index without its secrets."""

from __future__ import annotations

import pytest

from cloudclusters.environment.index import index_of
from cloudclusters.environment.versions import disagreement

OURS = {"python": "3.11.7", "distributed": "2026.8.0", "dask": "2026.8.0"}


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (OURS, ""),
        ({**OURS, "python": "3.11.2"}, ""),
        ({**OURS, "python": "3.12.1"}, "it has Python 3.12.1, and the driver 3.11.7"),
        ({**OURS, "distributed": "2025.4.0"}, "it has distributed 2025.4.0, and the driver 2026.8.0"),
        ({"python": "3.11.7", "distributed": ""}, "has no distributed"),
    ],
)
def test_driver_and_node_must_go_together(theirs: dict[str, str], said: str) -> None:
    """Both sides are named."""
    found = disagreement(OURS, theirs, ("distributed",))
    assert said in found if said else found == ""


def test_an_engine_that_needs_nothing_agrees_with_everything() -> None:
    """Nothing is pickled between driver and node then."""
    assert disagreement(OURS, {"python": "3.8.1"}, ()) == ""


def test_variables_come_before_files() -> None:
    """As for pip and uv."""
    pip = "[global]\nindex-url = https://file.example/simple\nextra-index-url = https://more.example/simple\n"
    assert index_of({}, pip=[pip]).url == "https://file.example/simple"
    assert index_of({"PIP_INDEX_URL": "https://var.example"}, pip=[pip]).url == "https://var.example"
    assert index_of({"UV_INDEX": "mine=https://uv.example/simple"}, pip=[pip]).extra == (
        "https://uv.example/simple",
        "https://more.example/simple",
    )


def test_the_configuration_of_uv_is_read() -> None:
    """Both its forms."""
    assert index_of({}, uv=["index-url = 'https://a.example'"]).url == "https://a.example"
    text = "[[index]]\nurl = 'https://b.example'\ndefault = true\n"
    assert index_of({}, uv=[text]).url == "https://b.example"


@pytest.mark.parametrize("url", ["https://me:secret@a.example/simple", "file:///srv/pypi", "http://127.0.0.1:3141/x"])
def test_nodes_are_told_of_no_secret_and_no_address_of_ours(url: str) -> None:
    """Then packages come from the driver."""
    assert index_of({"PIP_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": url}).url == ""
    assert index_of({"PIP_EXTRA_INDEX_URL": url}).extra == ()
