"""Runs on a node: looks what is ready there, and builds what is not, under a lock, whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, TypedDict

from cloudclusters.environment.onnode.tools import Micromamba, Uv, find_python, need_micromamba, need_uv, say

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS = """
import json, platform, sys
from importlib import metadata
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
print(json.dumps({"python": platform.python_version(), "executable": sys.executable,
                  "versions": {name: version(name) for name in sys.argv[1:]}}))
"""
QUICKLY = 2.0
"""Seconds in which an index must answer."""


class Step(TypedDict):
    """A command; `{folder}`, `{root}`, `{self}`, `{python}`, `{uv}`, `{micromamba}` are filled in."""

    title: str
    argv: list[str]
    env: dict[str, str]
    sudo: bool


class Layer(TypedDict):
    """A folder that is made by steps, and is known by its digest."""

    digest: str
    files: dict[str, str]
    steps: list[Step]
    in_place: bool


class Ask(TypedDict):
    """What the driver says: everything of it, whatever the verb needs."""

    root: str
    layers: list[Layer]
    parcels: dict[str, int]
    crate: str
    python: list[str]
    names: list[str]
    minor: str
    base: str
    index: str
    uv: Uv
    micromamba: Micromamba


def look(ask: Ask) -> None:
    """Tell which layers and parcels are here, and which versions the environment's Python has."""
    root = ask["root"]
    ready = [layer["digest"] for layer in ask["layers"] if is_ready(root, layer["digest"])]
    has = [path for path, wanted in ask["parcels"].items() if size(root, path) == wanted]
    found: dict[str, object] = {"ready": ready, "has": has}
    if len(ready) == len(ask["layers"]):
        found.update(versions(ask))
    say(json.dumps(found))


def reach(ask: Ask) -> None:
    """Tell whether an index answers, within two seconds whatever happens."""
    import threading
    import urllib.request

    answers: list[bool] = []

    def knock() -> None:
        with contextlib.suppress(Exception):
            urllib.request.urlopen(urllib.request.Request(ask["index"], method="HEAD"), timeout=QUICKLY).close()
            answers.append(True)

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(QUICKLY)
    say(json.dumps({"reaches": bool(answers)}))
    sys.stdout.flush()
    os._exit(0)  # a resolver that hangs is not waited for


def build(ask: Ask) -> None:
    """Unpack what was sent, build every layer that is not ready, and tell the versions."""
    root = ask["root"]
    os.makedirs(root, mode=0o700, exist_ok=True)
    if ask["crate"]:
        unpack(root, os.path.join(root, ask["crate"]))
    for layer in ask["layers"]:
        with locked(root, layer["digest"]):
            if not is_ready(root, layer["digest"]):
                build_layer(root, layer, ask)
    say(json.dumps(versions(ask)))


def versions(ask: Ask) -> dict[str, object]:
    """What the environment's Python says of itself; why it does not, when it fails."""
    if not ask["python"]:
        return {}
    argv = [*ask["python"], "-c", VERSIONS, *ask["names"]]
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
    except OSError as exc:
        return {"failure": f"{ask['python'][0]} cannot be started: {exc.strerror}"}
    if done.returncode != 0:
        return {"failure": f"{' '.join(ask['python'])} fails: {done.stderr.strip()[-500:]}"}
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def is_ready(root: str, digest: str) -> bool:
    """Whether a layer was built to its end."""
    with contextlib.suppress(OSError), open(os.path.join(root, digest, "ready")) as file:
        return file.read().strip() == digest
    return False


def size(root: str, path: str) -> int:
    """Bytes of a file; -1 when it is not there."""
    try:
        return os.path.getsize(os.path.join(root, path))
    except OSError:
        return -1


@contextlib.contextmanager
def locked(root: str, digest: str) -> Iterator[None]:
    """Be the only one who builds this layer; waits for another one to end."""
    with open(os.path.join(root, "." + digest + ".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def unpack(root: str, crate: str) -> None:
    """Take the parcels out of a crate, each whole or not at all, and remove it."""
    import tarfile

    with tarfile.open(crate) as archive:
        for member in archive:
            if not member.isfile() or member.name.startswith("/") or ".." in member.name.split("/"):
                raise SystemExit(f"the crate holds {member.name}, which is no parcel")
            target = os.path.join(root, member.name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            part = f"{target}.%d"
            with open(part, "wb") as file:
                source = archive.extractfile(member)
                assert source is not None
                shutil.copyfileobj(source, file)
            os.replace(part, target)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(crate)


def build_layer(root: str, layer: Layer, ask: Ask) -> None:
    """Run the steps of a layer in a folder of another name, which gets its own when all went well."""
    final = os.path.join(root, layer["digest"])
    folder = final if layer["in_place"] else os.path.join(root, "." + layer["digest"] + ".part")
    for leftover in (folder, final):
        shutil.rmtree(leftover, ignore_errors=True)
    os.makedirs(folder)
    try:
        for name, text in layer["files"].items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text.replace("{root}", root) if name == "requirements.txt" else text)
        for step in layer["steps"]:
            run_step(root, folder, step, ask)
        with open(os.path.join(folder, "ready"), "w") as file:
            file.write(layer["digest"])
        if folder != final:
            os.rename(folder, final)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def run_step(root: str, folder: str, step: Step, ask: Ask) -> None:
    """Run one command with its placeholders filled in; ends the program with its code when it fails."""
    say("== " + step["title"])
    words = {"folder": folder, "root": root, "self": sys.executable}
    argv = [fill(word, words, ask) for word in step["argv"]]
    env = {name: fill(value, words, ask) for name, value in step["env"].items()}
    if step["sudo"] and os.getuid() != 0:
        argv = ["sudo", "-n", "env", *(f"{name}={value}" for name, value in env.items()), *argv]
    try:
        code = subprocess.run(
            argv, env={**os.environ, **env}, cwd=folder, stdin=subprocess.DEVNULL, check=False
        ).returncode
    except OSError as exc:
        say(f"{argv[0]} cannot be started: {exc.strerror}")
        code = 127
    if code != 0:
        sys.exit(code if code > 0 else 128 - code)


def fill(text: str, words: dict[str, str], ask: Ask) -> str:
    """A word of a command, with its placeholders filled in; what they name is brought when it is first needed."""
    for name in ("uv", "python", "micromamba", "folder", "root", "self"):
        place = "{" + name + "}"
        if place in text:
            if name not in words:
                words[name] = bring(words["root"], name, ask)
            text = text.replace(place, words[name])
    return text


def bring(root: str, name: str, ask: Ask) -> str:
    """What a placeholder stands for."""
    if name == "micromamba":
        return need_micromamba(root, ask["micromamba"])
    want = ask["uv"]
    if want["wheel"]:
        want = Uv(version=want["version"], path="", wheel=os.path.join(root, want["wheel"]), index=want["index"])
    if name == "uv":
        return need_uv(root, want)
    return ask["base"] or find_python(ask["minor"]) or install_python(root, need_uv(root, want), ask["minor"])


def install_python(root: str, uv: str, minor: str) -> str:
    """A Python of this version that uv knows of, or fetches."""
    env = {**os.environ, "UV_PYTHON_INSTALL_DIR": os.path.join(root, "pythons")}
    find = [uv, "python", "find", "--no-project", "--no-python-downloads", minor]
    known = subprocess.run(find, env=env, capture_output=True, text=True, check=False)
    if known.returncode == 0:
        return known.stdout.strip()
    say(f"== installing Python {minor}")
    code = subprocess.run([uv, "python", "install", "--no-bin", minor], env=env, check=False).returncode
    if code != 0:
        say(f"this node has no Python {minor}, and could not get one")
        sys.exit(code)
    return subprocess.run(find, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def main() -> None:
    """Do the verb of the first argument; what it needs comes as JSON on standard input."""
    {"look": look, "reach": reach, "build": build}[sys.argv[-1]](json.load(sys.stdin))


if __name__ == "__main__":
    main()
