"""Runs on a node: where uv, micromamba and a Python of the wished version are, or how they come there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable


class Uv(TypedDict):
    """Where uv may come from: a path here, a wheel that was sent, or this version of an index; empty is no."""

    version: str
    path: str
    wheel: str
    index: str


class Micromamba(TypedDict):
    """The official release to fetch when the node has none; an empty sha256 checks nothing."""

    version: str
    url: str
    sha256: str


JSON = "application/vnd.pypi.simple.v1+json"
WAIT = 30.0
"""Seconds without a byte after which a download is given up."""


def say(text: str) -> None:
    """Tell the driver, who reads our output line by line."""
    print(text, flush=True)


def runs(path: str) -> bool:
    """Whether this is a program that can be run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def find_python(minor: str) -> str:
    """A Python of this version that the node has of its own; empty when it has none."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == minor:
        return sys.executable
    for place in [shutil.which("python" + minor) or "", "/usr/bin/python" + minor, "/usr/local/bin/python" + minor]:
        if runs(place):
            asked = [place, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
            done = subprocess.run(asked, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if done.returncode == 0 and done.stdout.strip() == minor:
                return place
    return ""


def find_tool(root: str, name: str, version: str) -> str:
    """A tool that the node has: its own, or the one that we brought earlier."""
    brought = os.path.join(root, "tools", name + "-" + version, name)
    for place in [shutil.which(name) or "", os.path.expanduser("~/.local/bin/" + name), brought]:
        if runs(place):
            return place
    return ""


def need_uv(root: str, want: Uv) -> str:
    """The path of uv: the node's own, the driver's, one from a wheel that was sent, or one from the index."""
    if runs(want["path"]):
        return want["path"]
    found = find_tool(root, "uv", want["version"])
    if found:
        return found
    wheel = want["wheel"] or fetch_wheel(want["index"], "uv", want["version"])
    return keep_tool(root, "uv", want["version"], lambda target: from_wheel(wheel, "uv", target))


def need_micromamba(root: str, want: Micromamba) -> str:
    """The path of micromamba: the node's own, or its official release."""
    import platform

    found = find_tool(root, "micromamba", want["version"])
    if found:
        return found
    machine = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}.get(platform.machine())
    if machine is None:
        raise SystemExit("micromamba is not released for " + platform.machine())

    def fetch(target: str) -> None:
        url = want["url"].replace("{platform}", machine)
        say("fetching micromamba from " + url)
        content = read_url(url)
        check(content, want["sha256"], url)
        with open(target, "wb") as file:
            file.write(content)

    return keep_tool(root, "micromamba", want["version"], fetch)


def keep_tool(root: str, name: str, version: str, make: Callable[[str], None]) -> str:
    """Make a tool below a temporary name, and give it its own in one step."""
    folder = os.path.join(root, "tools", name + "-" + version)
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{name}.%d")
    make(part)
    os.chmod(part, 0o755)
    os.replace(part, os.path.join(folder, name))
    return os.path.join(folder, name)


def from_wheel(wheel: str, name: str, target: str) -> None:
    """Take a program out of a wheel."""
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if member.endswith(".data/scripts/" + name):
                with archive.open(member) as source, open(target, "wb") as file:
                    shutil.copyfileobj(source, file)
                return
    raise SystemExit(f"{wheel} holds no program {name}")


def fetch_wheel(index: str, name: str, version: str) -> str:
    """Fetch the wheel of this platform from an index, checked by the hash that the index tells; returns its path."""
    import json
    import platform
    import tempfile
    import urllib.parse
    import urllib.request

    say(f"fetching {name} {version} from {index}")
    request = urllib.request.Request(index.rstrip("/") + "/" + name + "/", headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        if "json" not in answer.headers.get("Content-Type", ""):
            raise SystemExit(f"{index} does not speak the JSON form of the simple index; install uv on the node")
        page, base = json.load(answer), answer.geturl()
    for file in page["files"]:
        if file["filename"].startswith(name + "-" + version + "-") and fits(file["filename"]):
            digest = file.get("hashes", {}).get("sha256", "")
            if not digest:
                raise SystemExit(f"{index} tells no sha256 of {file['filename']}")
            content = read_url(urllib.parse.urljoin(base, file["url"]))
            check(content, digest, file["filename"])
            path = os.path.join(tempfile.mkdtemp(), file["filename"])
            with open(path, "wb") as out:
                out.write(content)
            return path
    raise SystemExit(f"{index} has no {name} {version} for {platform.machine()}")


def fits(filename: str) -> bool:
    """Whether a wheel of a plain program runs on this machine."""
    import platform

    tags = filename[: -len(".whl")].rsplit("-", 1)[-1]
    musl = not platform.libc_ver()[0]
    wanted = "musllinux" if musl else "manylinux"
    return filename.endswith(".whl") and any(
        tag.startswith(wanted) and tag.endswith("_" + platform.machine()) for tag in tags.split(".")
    )


def read_url(url: str) -> bytes:
    """What is at an address."""
    import urllib.request

    with urllib.request.urlopen(url, timeout=WAIT) as answer:
        content: bytes = answer.read()
    return content


def check(content: bytes, sha256: str, what: str) -> None:
    """Refuse content that is not what it should be; without a digest nothing is known."""
    import hashlib

    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f"{what} does not have the sha256 {sha256}")
