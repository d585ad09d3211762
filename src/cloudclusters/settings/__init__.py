"""Configuration in layers, each value with its origin: defaults < files < variables < contract < call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudclusters.settings.home import home

if TYPE_CHECKING:
    from cloudclusters.settings.keys import KEYS, Key
    from cloudclusters.settings.layer import Setting, Value
    from cloudclusters.settings.settings import Row, Settings

__all__ = ["KEYS", "Key", "Row", "Setting", "Settings", "Value", "home"]

_HOME = {"KEYS": "keys", "Key": "keys", "Row": "settings", "Setting": "layer", "Settings": "settings", "Value": "layer"}


def __getattr__(name: str) -> object:
    """Reading configuration is imported when it is read: who only wants to know where our home is does not wait."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
