"""The environment `image`: what the machine's image brings is all there is; nothing is installed."""

from __future__ import annotations

from collections.abc import Sequence

from cloudclusters.environment.protocol import Facts, Ready


class ImageEnvironment:
    """No steps; Python is the node's own."""

    name: str = "image"

    def ready(self, facts: Facts, *, local_python: str = "") -> Ready:  # noqa: ARG002
        """Nothing to do. On a node that is this machine (`local_python` set) Python is the driver's own."""
        python = local_python or "python3"
        return Ready(steps=(), python=(python,), digest=f"image:{python}")

    def missing(self, requires: Sequence[str]) -> Sequence[str]:  # noqa: ARG002
        """Nothing that we know of: only the node itself knows what its image holds."""
        return ()
