"""A world of the fake cloud, for what environments are in the lifecycle."""

from lifecycle_world import make_world, world

__all__ = ["make_world", "world"]
