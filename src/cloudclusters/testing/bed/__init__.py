"""A simulated Amazon EC2 whose instances are real hosts: official SDK in front, sshd and first-boot scripts behind.

It runs inside a private world (`cloudclusters.testing.bed.world`), so that nothing of the machine's network changes and
nothing that is sent leaves it. Needs root and the extra `bed`.

    with Bed() as bed:
        subprocess.run(command, env=bed.environment())
        assert not bed.left()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudclusters.testing.bed.bed import Bed as Bed

__all__ = ["Bed"]


def __getattr__(name: str) -> object:
    if name == "Bed":
        from cloudclusters.testing.bed.bed import Bed

        return Bed
    raise AttributeError(name)
