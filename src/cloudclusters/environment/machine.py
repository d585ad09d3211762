"""What is installed on the machine itself, before any Python: Debian packages, and a script of the user's."""

from __future__ import annotations

from cloudclusters.base.json import digest
from cloudclusters.environment.protocol import Captured, Layer, Step

_APT = """set -eu
command -v apt-get >/dev/null || { echo "this node has no apt-get: its image is not made of Debian packages"; exit 2; }
fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_*' -mtime -1 -print -quit 2>/dev/null || true)
tries=0
until [ -n "$fresh" ] || apt-get -q update; do
    tries=$((tries + 1))
    [ $tries -lt 6 ] || exit 100
    sleep 5
done
exec apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
"""


def apt_layer(captured: Captured) -> tuple[Layer, ...]:
    """Install Debian packages once; lists older than a day are fetched again, other users of apt are waited for."""
    packages = tuple(sorted(set(captured.wish.apt)))
    if not packages:
        return ()
    step = Step(
        title=f"apt: {', '.join(packages)}",
        argv=("sh", "-c", _APT, "apt", *packages),
        env={"DEBIAN_FRONTEND": "noninteractive"},
        sudo=True,
    )
    return (Layer(digest=f"apt-{digest(packages)[:24]}", steps=(step,)),)


def script_layer(captured: Captured) -> tuple[Layer, ...]:
    """Run a script once per content, in an empty folder that stays."""
    if not captured.wish.script:
        return ()
    step = Step(title=f"running {captured.wish.script.rpartition('/')[2]}", argv=("bash", "-eu", "{folder}/script"))
    return (
        Layer(
            digest=f"script-{digest(captured.script)[:24]}",
            steps=(step,),
            files={"script": captured.script},
            in_place=True,
        ),
    )


class ImageEnvironment:
    """What the image brings, with the Debian packages and the script on top; Python is the node's own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def layers(self, captured: Captured, *, by_driver: bool) -> tuple[Layer, ...]:  # noqa: ARG002
        """Nothing of its own."""
        return ()

    def python(self, captured: Captured, root: str) -> tuple[str, ...]:  # noqa: ARG002
        """As the setting `python` says."""
        return (captured.wish.python,) if captured.wish.python else ()
