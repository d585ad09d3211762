"""Configuration in layers, each value with its origin: defaults < files < variables < contract < call."""

from cloudclusters.settings.home import home
from cloudclusters.settings.keys import KEYS, Key
from cloudclusters.settings.layer import Setting, Value
from cloudclusters.settings.settings import Row, Settings

__all__ = ["KEYS", "Key", "Row", "Setting", "Settings", "Value", "home"]
