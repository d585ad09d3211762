"""The fixtures of lifecycle tests; what they are made of stands in `lifecycle_world`."""

from lifecycle_world import make_world, world

__all__ = ["make_world", "world"]
