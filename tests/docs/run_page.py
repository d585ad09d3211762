"""Run the examples of documentation pages as a reader would: `python run_page.py PAGE…`.

The blocks of a page run in order, in one namespace, in a fresh home and an empty folder:

* ```` ```python ```` runs. A line `value  # [2, 3]` promises its value: a comment that is a Python literal.
* ```` ```console run ```` runs each line after `$ `; the lines below it must appear in what it prints, in order.
  There `…` stands for anything, and any handle for any other.
* ```` ```toml file=NAME ```` is written to that file.
* A block whose first word after `python` or `console` is `no-run` is left out; the rest of its line says why.
  A block of another language is only to be read.

Afterwards no cluster may be left. Needs nothing but Python and the installed package.
"""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?P<indent> *)```(?P<language>\w*) *(?P<options>.*)")
_HANDLE = re.compile(r"\b[A-Za-z]{15}\b")

_PROLOGUE = """
def promised(value, wanted, place):
    assert value == wanted, f"{place} promises {wanted!r}, and it is {value!r}"

def console(command, *wanted):
    import run_page
    run_page.check_command(command, wanted)

def write(path, text):
    from pathlib import Path
    Path(path).write_text(text)
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `line` is the number of its first line."""

    language: str
    options: str
    line: int
    lines: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    found: list[Block] = []
    opened: tuple[re.Match[str], int] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        fence = _FENCE.fullmatch(line)
        if fence is None:
            continue
        if opened is None:
            opened = (fence, number)
            continue
        start, first = opened
        indent = len(start["indent"])
        body = tuple(each[indent:] for each in lines[first : number - 1])
        found.append(Block(start["language"], start["options"].strip(), first + 1, body))
        opened = None
    if opened is not None:
        raise ValueError(f"line {opened[1]}: this block has no end")
    return found


def script(text: str, name: str) -> str:
    """The Python program that a page is; every statement stands on its line of the page."""
    rows = ["", _START, *[""] * len(text.splitlines())]
    for block in blocks(text):
        if block.options.startswith("no-run"):
            if not block.options.removeprefix("no-run").strip(" :"):
                raise ValueError(f"{name}, line {block.line - 1}: say why this does not run")
        elif block.language == "python":
            rows[block.line : block.line + len(block.lines)] = _promises(block, name)
        elif block.language == "console" and block.options == "run":
            for number, row in _commands(block):
                rows[number] = row
        elif block.options.startswith("file="):
            content = "\n".join(block.lines) + "\n"
            rows[block.line] = f"write({block.options.removeprefix('file=')!r}, {content!r})"
        elif block.language in ("python", "console"):
            raise ValueError(f"{name}, line {block.line - 1}: unknown words after {block.language}: {block.options!r}")
    return "\n".join(rows[1:]) + "\n"


def _promises(block: Block, name: str) -> list[str]:
    """The lines of a block, where `value  # literal` has become a check."""
    rows = list(block.lines)
    source = "\n".join(rows) + "\n"
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Expr) or node.lineno != node.end_lineno or node.lineno not in comments:
            continue
        try:
            wanted = ast.literal_eval(comments[node.lineno])
        except (ValueError, SyntaxError):
            continue  # it explains
        place = f"{name}, line {block.line + node.lineno - 1}"
        row = rows[node.lineno - 1]
        value = row.encode()[node.col_offset : node.end_col_offset].decode()
        rows[node.lineno - 1] = f"{row[: node.col_offset]}promised({value}, {wanted!r}, {place!r})"
    return rows


def _commands(block: Block) -> list[tuple[int, str]]:
    """A call for each command of a block, on its own line."""
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(block.lines, block.line):
        if line.startswith("$ "):
            found.append((number, line.removeprefix("$ "), []))
        elif line.strip() and found:
            found[-1][2].append(line)
    return [(number, f"console({', '.join(map(repr, [command, *wanted]))})") for number, command, wanted in found]


def check_command(command: str, wanted: tuple[str, ...]) -> None:
    """Run a command in a shell and look for the promised lines in what it prints."""
    run = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    may_fail = any(line.startswith("error:") for line in wanted)
    if run.returncode != 0 and not may_fail:
        raise AssertionError(f"$ {command}\ngave {run.returncode}:\n{run.stdout}")
    rest = iter(run.stdout.splitlines())
    for line in wanted:
        if line.strip() != "…" and not any(_pattern(line).fullmatch(" ".join(each.split())) for each in rest):
            raise AssertionError(f"$ {command}\npromises the line\n{line}\nand printed\n{run.stdout}")


def _pattern(line: str) -> re.Pattern[str]:
    words = re.escape(" ".join(line.split())).replace("…", ".*")
    return re.compile(_HANDLE.sub("[A-Za-z]{15}", words))


def run(page: Path) -> int:
    """Run one page; its exit code."""
    with tempfile.TemporaryDirectory(prefix="cloudclusters-page-", ignore_cleanup_errors=True) as folder:
        work = Path(folder, "work")
        work.mkdir()
        program = Path(folder, page.name)
        program.write_text(script(page.read_text(encoding="utf-8"), str(page)), encoding="utf-8")
        places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        environment = {name: value for name, value in os.environ.items() if not _is_own_setting(name)}
        environment |= {
            "CLOUDCLUSTERS_HOME": str(Path(folder, "home")),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, places)),
            "NO_COLOR": "1",
        }
        code = subprocess.run([sys.executable, str(program)], cwd=work, env=environment, check=False).returncode
        left = subprocess.run(
            [sys.executable, "-c", _LEFT], cwd=work, env=environment, text=True, stdout=subprocess.PIPE, check=True
        )
    if left.stdout.strip():
        print(f"{page} left clusters: {left.stdout.strip()}")
        return 1
    return code


def _is_own_setting(name: str) -> bool:
    """Whether a variable is a setting of whoever runs this; those of a cloud's section are for pages about it."""
    return name.startswith("CLOUDCLUSTERS_") and not name.startswith("CLOUDCLUSTERS_EC2_")


_START = f"exec({_PROLOGUE!r})"
_LEFT = """
import cloudclusters as cc
for cluster in cc.clusters():
    print(cluster)
    cluster.terminate()
"""


def main(names: list[str]) -> int:
    """Run pages; how many failed."""
    failed = 0
    for name in names:
        code = run(Path(name).absolute())
        print(f"{name}: {'ok' if code == 0 else 'FAILED'}", flush=True)
        failed += code != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
