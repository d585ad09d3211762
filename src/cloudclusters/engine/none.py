"""The engine `none`: bare nodes, nothing runs but the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudclusters.engine.protocol import Layout, Member
from cloudclusters.errors import NotSupported


class NoEngine:
    """No processes, no files, no ports."""

    name: str = "none"
    requires: Sequence[str] = ()
    secrets: Sequence[str] = ()

    def make_secrets(self) -> Mapping[str, bytes]:
        """Nothing to keep."""
        return {}

    def layout(self, members: Sequence[Member]) -> Layout:  # noqa: ARG002
        """Nothing, on any number of nodes."""
        return Layout()

    def command(self, argv: Sequence[str], members: Sequence[Member]) -> Sequence[str]:  # noqa: ARG002
        """A program is started as it is."""
        return tuple(argv)

    def import_client(self) -> None:
        """Nothing to import."""

    def client(self, forwards: Mapping[str, str], keys: Mapping[str, str]) -> object:  # noqa: ARG002
        """Refused: there is nothing to connect to."""
        raise NotSupported("a cluster with the engine 'none' has no scheduler", hint="deploy with `engine='dask'`")
