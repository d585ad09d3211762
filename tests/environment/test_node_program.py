"""The program that prepares a node, run as on a node: by a Python that knows nothing of us."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cloudclusters.environment import onnode
from cloudclusters.environment.onnode import command

Said = dict[str, object]


class Machine:
    """A node's folder of environments, and its Python."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ask(self, **more: object) -> str:
        """What the driver says."""
        uv = {"version": "9.9", "path": "", "wheel": "", "index": ""}
        asked = {"root": str(self.root), "layers": [], "parcels": {}, "crate": "", "python": [], "names": []}
        tool = {"version": "latest", "url": "", "sha256": ""}
        return json.dumps({**asked, "minor": "", "base": "", "index": "", "uv": uv, "micromamba": tool, **more})

    def start(self, verb: str, **more: object) -> subprocess.Popen[str]:
        """Begin a verb."""
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.root)}
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command(sys.executable, verb), stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=env
        )
        assert process.stdin is not None
        process.stdin.write(self.ask(**more))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, verb: str, **more: object) -> tuple[int, str]:
        """Run a verb to its end; its code and what it printed."""
        process = self.start(verb, **more)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def look(self, **more: object) -> Said:
        """What is there."""
        code, said = self.run("look", **more)
        assert code == 0, said
        found: Said = json.loads(said)
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A node without anything."""
    return Machine(tmp_path / "environments")


def layer(digest: str, *commands: str, in_place: bool = False, **files: str) -> dict[str, object]:
    """A layer of shell commands."""
    steps = [{"title": text, "argv": ["sh", "-ec", text], "env": {}, "sudo": False} for text in commands]
    return {"digest": digest, "files": files, "steps": steps, "in_place": in_place}


@pytest.mark.parametrize("name", ["tools", "prepare"])
def test_it_is_python_3_8(name: str) -> None:
    """Nodes bring their own Python, and nothing else is imported than its standard library."""
    text = (Path(onnode.__file__).parent / f"{name}.py").read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    others = {each for each in imported if each.partition(".")[0] not in sys.stdlib_module_names}
    assert others <= {"cloudclusters.environment.onnode.tools"}


@pytest.mark.parametrize("in_place", [True, False])
def test_a_layer_is_built_once(machine: Machine, in_place: bool) -> None:
    """The second time nothing is run."""
    made = layer("a-1", "echo x >> {root}/trace; cat {folder}/note", in_place=in_place, note="hello")
    assert machine.look(layers=[made])["ready"] == []
    code, said = machine.run("build", layers=[made])
    assert (code, said.splitlines()[:2]) == (0, [f"== {made['steps'][0]['title']}", "hello{}"])  # type: ignore[index]
    assert machine.look(layers=[made])["ready"] == ["a-1"]
    machine.run("build", layers=[made])
    assert (machine.root / "trace").read_text() == "x\n"


@pytest.mark.parametrize("in_place", [True, False])
def test_a_step_that_fails_leaves_nothing(machine: Machine, in_place: bool) -> None:
    """Its code is the program's, later steps are not run, and the next attempt begins anew."""
    made = layer("a-1", "touch {folder}/half", "exit 7", "echo never", in_place=in_place)
    code, said = machine.run("build", layers=[made])
    assert code == 7
    assert "never\n" not in said.replace("== echo never", "")
    assert not (machine.root / "a-1").exists()
    assert machine.look(layers=[made])["ready"] == []


def test_a_program_that_is_not_there_is_named(machine: Machine) -> None:
    """With the code that shells give."""
    step = {"title": "conda", "argv": ["no-such-program"], "env": {}, "sudo": False}
    code, said = machine.run("build", layers=[{**layer("a-1"), "steps": [step]}])
    assert (code, said) == (127, "== conda\nno-such-program cannot be started: No such file or directory\n")


def test_two_who_build_at_once_build_once(machine: Machine) -> None:
    """Two clusters may use one machine."""
    made = layer("a-1", "echo x >> {root}/trace; sleep 0.3")
    both = [machine.start("build", layers=[made]) for _ in range(2)]
    assert [process.communicate(timeout=60) and process.returncode for process in both] == [0, 0]
    assert (machine.root / "trace").read_text() == "x\n"


def test_parcels_come_out_of_a_crate(machine: Machine, tmp_path: Path) -> None:
    """Known by path and size; one that was cut off is not there."""
    path, content = "parcels/abc/x.whl", b"wheel"
    machine.root.mkdir()
    with tarfile.open(machine.root / "crate.tar", "w") as crate:
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        crate.addfile(entry, io.BytesIO(content))
    assert machine.look(parcels={path: 5})["has"] == []
    assert machine.run("build", crate="crate.tar")[0] == 0
    assert machine.look(parcels={path: 5})["has"] == [path]
    assert machine.look(parcels={path: 6})["has"] == []
    assert not (machine.root / "crate.tar").exists()


@pytest.mark.parametrize("name", ["../out", "/tmp/out"])
def test_nothing_comes_out_of_a_crate_beside_its_place(machine: Machine, name: str) -> None:
    """Whoever packed it."""
    machine.root.mkdir()
    with tarfile.open(machine.root / "crate.tar", "w") as crate:
        crate.addfile(tarfile.TarInfo(name))
    code, said = machine.run("build", crate="crate.tar")
    assert code != 0
    assert "which is no parcel" in said


def test_the_environments_python_tells_its_versions(machine: Machine) -> None:
    """Once everything is there; what is not installed is empty."""
    found = machine.look(python=[sys.executable], names=["msgspec", "nothing-of-this-name"])
    versions = found["versions"]
    assert isinstance(versions, dict)
    assert versions["msgspec"]
    assert versions["nothing-of-this-name"] == ""
    assert "versions" not in machine.look(python=[sys.executable], layers=[layer("a-1")])


# An index on this machine


def wheel(content: bytes) -> bytes:
    """A wheel with the program uv."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("uv-9.9.data/scripts/uv"), content)
    return made.getvalue()


class Index(ThreadingHTTPServer):
    """A simple index in its JSON form, with one file."""

    def __init__(self, digest: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/simple"
        name = f"uv-9.9-py3-none-manylinux_2_17_{os.uname().machine}.whl"
        others = ["uv-9.9-py3-none-win_amd64.whl", f"uv-9.8-py3-none-manylinux_2_17_{os.uname().machine}.whl"]
        files = [{"filename": each, "url": f"../../{each}", "hashes": {"sha256": digest}} for each in [*others, name]]
        self.page = json.dumps({"files": files}).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Index)
        is_page = self.path == "/simple/uv/"
        body = self.server.page if is_page else wheel(b"#!/bin/sh\necho uv here\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json" if is_page else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  (the name is the library's)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    """It serves as long as the test runs."""
    digest = getattr(request, "param", hashlib.sha256(wheel(b"#!/bin/sh\necho uv here\n")).hexdigest())
    server = Index(digest)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def uv_from(url: str) -> dict[str, str]:
    """Where uv may come from."""
    return {"version": "9.9", "path": "", "wheel": "", "index": url}


def test_a_node_fetches_the_uv_of_its_platform_once(machine: Machine, index: Index) -> None:
    """In the driver's version, checked by the index's hash; afterwards it is there."""
    made = layer("a-1", "{uv}")
    code, said = machine.run("build", layers=[made], uv=uv_from(index.url))
    assert (code, "uv here" in said) == (0, True), said
    code, said = machine.run("build", layers=[layer("a-2", "{uv}")], uv=uv_from("http://127.0.0.1:1/simple"))
    assert (code, "uv here" in said) == (0, True), said


@pytest.mark.parametrize("index", ["0" * 64], indirect=True)
def test_a_wrong_hash_is_refused(machine: Machine, index: Index) -> None:
    """Nothing of it is kept."""
    code, said = machine.run("build", layers=[layer("a-1", "{uv}")], uv=uv_from(index.url))
    assert code != 0
    assert f"does not have the sha256 {'0' * 64}" in said
    assert not list((machine.root).glob("tools/*/uv"))


def test_an_index_is_reached_or_not(machine: Machine, index: Index) -> None:
    """An address where nobody listens is not."""
    answers = [machine.run("reach", index=url)[1] for url in (index.url, "http://127.0.0.1:1/simple")]
    assert [json.loads(answer)["reaches"] for answer in answers] == [True, False]
