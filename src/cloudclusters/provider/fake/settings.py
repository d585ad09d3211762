"""The section `[fake]` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloudclusters.errors import InvalidSetting
from cloudclusters.provider.protocol import Site

_WORDS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSettings:
    """Where the cloud is kept (None: in memory), and whether its machines can be stopped."""

    path: Path | None
    can_stop: bool


def read(site: Site) -> FakeSettings:
    """The settings of a site; raises `InvalidSetting`."""
    unknown = sorted(set(site.settings) - {"path", "can_stop"})
    if unknown:
        raise InvalidSetting(f"unknown key [fake] {unknown[0]}", hint="the keys are: path, can_stop")
    path = site.settings.get("path") or str(site.home / "fake" / "cloud.json")
    word = site.settings.get("can_stop", "yes").lower()
    if word not in _WORDS:
        raise InvalidSetting(f"[fake] can_stop is {word!r}", hint="write yes or no")
    return FakeSettings(path=None if path == ":memory:" else Path(path), can_stop=_WORDS[word])
