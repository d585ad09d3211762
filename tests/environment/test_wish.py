"""Settings of environments: wrong ones are told at once, with what to write instead."""

from __future__ import annotations

import pytest

from cloudclusters.environment.wish import wish_of
from cloudclusters.errors import InvalidSetting


def test_words_are_separated_by_blanks() -> None:
    """As people type them."""
    wish = wish_of("pip", {"packages": "numpy>=2  pandas", "apt": "git cmake"}, ("distributed",))
    assert (wish.environment, wish.packages, wish.apt) == ("uv", ("numpy>=2", "pandas"), ("git", "cmake"))
    assert wish.requires == ("distributed",)


@pytest.mark.parametrize(
    ("environment", "settings", "said"),
    [
        ("uv", {}, "needs packages or requirements"),
        ("conda", {}, "needs packages or conda_file"),
        ("apt", {}, "needs apt"),
        ("script", {}, "needs script"),
        ("image", {"packages": "numpy"}, "packages = 'numpy' has no effect with environment=image"),
        ("uv", {"packages": "numpy", "sync_exclude": "x"}, "sync_exclude = 'x' has no effect"),
        ("sync", {"python": "/usr/bin/python3"}, "python = '/usr/bin/python3' has no effect"),
        ("uv", {"packages": "numpy", "python_version": "3"}, "no version of Python"),
        ("uv", {"packages": "--pre numpy"}, "'--pre' is an option"),
        ("conda", {"packages": "numpy", "conda_file": "x.yml"}, "both given"),
        ("conda", {"packages": "numpy", "micromamba_sha256": "12"}, "no sha256"),
        ("apt", {"apt": "git; reboot"}, "'git;' is no name of a Debian package"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: str, settings: dict[str, str], said: str) -> None:
    """Before anything is made, and with a hint."""
    with pytest.raises(InvalidSetting, match=said) as caught:
        wish_of(environment, settings)
    assert caught.value.hint
