"""The environment `conda`: packages of conda channels, by micromamba."""

from __future__ import annotations

from cloudclusters.base.json import digest
from cloudclusters.environment.protocol import Captured, Layer, Step

MICROMAMBA = "latest"
URL = "https://github.com/mamba-org/micromamba-releases/releases/latest/download/micromamba-{platform}"
"""The official release; `{platform}` is filled in on the node."""


class CondaEnvironment:
    """An environment of conda packages by the digest of its description. Its files know their path: it is not moved."""

    name: str = "conda"

    def layers(self, captured: Captured, *, by_driver: bool) -> tuple[Layer, ...]:  # noqa: ARG002
        """One layer; micromamba runs one at a time on a node, as it does not bear company."""
        create = ("{micromamba}", "create", "--yes", "--quiet", "--root-prefix", "{root}/micromamba")
        step = Step(
            title="creating the conda environment",
            argv=(*create, "--prefix", "{folder}/env", "--file", "{folder}/environment.yml"),
        )
        return (
            Layer(digest=_digest(captured), steps=(step,), files={"environment.yml": captured.conda}, in_place=True),
        )

    def python(self, captured: Captured, root: str) -> tuple[str, ...]:
        """The one in it."""
        return (f"{root}/{_digest(captured)}/env/bin/python",)


def description(captured: Captured) -> str:
    """An environment.yml for the setting `packages`, with the driver's versions of what the engine needs."""
    named = {
        package.partition("=")[0].partition("<")[0].partition(">")[0].lower() for package in captured.wish.packages
    }
    pins = [
        f"{name}={captured.ours[name]}"
        for name in (*captured.wish.requires, "cloudpickle")
        if captured.wish.requires and captured.ours.get(name) and name not in named
    ]
    lines = [f"python={captured.python}", *captured.wish.packages, *pins]
    return "channels:\n  - conda-forge\ndependencies:\n" + "".join(f'  - "{line}"\n' for line in lines)


def _digest(captured: Captured) -> str:
    return f"conda-{digest(captured.conda)[:24]}"
