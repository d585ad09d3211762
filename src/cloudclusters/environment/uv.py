"""The environments `uv` and `sync`: a Python of the wished version with packages, made by uv on the node."""

from __future__ import annotations

from cloudclusters.base.json import digest
from cloudclusters.environment.protocol import Captured, Index, Layer, Step

_QUIET = {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
_OFFLINE = _QUIET | {"UV_CACHE_DIR": "{root}/uv-cache"}
"""On the same file system, so that what is unpacked there is linked, not copied."""


class UvEnvironment:
    """A virtual environment by the digest of its requirements; for `sync` with the modules beside the script."""

    def __init__(self, name: str) -> None:
        self.name = name

    def layers(self, captured: Captured, *, by_driver: bool) -> tuple[Layer, ...]:
        """The virtual environment, and the modules, each made anew only when it changed itself."""
        return (_packages(captured, by_driver), *_modules(captured))

    def python(self, captured: Captured, root: str) -> tuple[str, ...]:
        """Its interpreter; the modules come first on its path, as they do beside a script."""
        python = f"{root}/{_digest(captured)}/venv/bin/python"
        if captured.modules is None:
            return (python,)
        return ("/usr/bin/env", f"PYTHONPATH={root}/{_of_modules(captured.modules.path)}/modules", python)


def _digest(captured: Captured) -> str:
    """Of what is installed, however it comes to the node."""
    content = (captured.python, sorted(captured.lines), captured.pylock, sorted(p.path for p in captured.projects))
    return f"{captured.wish.environment}-{digest(content)[:24]}"


def _of_modules(path: str) -> str:
    return f"modules-{path.split('/')[1]}"


def _packages(captured: Captured, by_driver: bool) -> Layer:
    lines = [] if by_driver else list(captured.lines)
    sent = [f"{{root}}/{p.path}" for p in (*captured.projects, *(captured.wheels if by_driver else ()))]
    count = len(captured.lines) + len(captured.projects)
    install = ["{uv}", "pip", "install", "--quiet", "--python", "{folder}/venv/bin/python"]
    if by_driver:
        install += ["--offline", "--no-index"]
    if by_driver or captured.wish.environment == "sync":
        install += ["--no-deps"]  # everything is named
    files = {"requirements.txt": "".join(f"{line}\n" for line in sorted((*lines, *sent)))}
    steps = [
        Step(
            title=f"making an environment with Python {captured.python}",
            argv=("{uv}", "venv", "--quiet", "--relocatable", "--no-project", "--python", "{python}", "{folder}/venv"),
            env=_QUIET,
        )
    ]
    if captured.pylock and not by_driver:
        files["pylock.toml"] = captured.pylock
        steps.append(_step("packages of the lock file", (*install, "-r", "{folder}/pylock.toml"), _env(captured.index)))
    if lines or sent:
        whence = "from the driver's wheels" if by_driver else f"from {captured.index.url}"
        words = (*install, "-r", "{folder}/requirements.txt")
        steps.append(_step(f"{count} packages {whence}", words, _OFFLINE if by_driver else _env(captured.index)))
    return Layer(digest=_digest(captured), steps=tuple(steps), files=files)


def _step(what: str, argv: tuple[str, ...], env: dict[str, str]) -> Step:
    return Step(title=f"installing {what}", argv=argv, env=env)


def _env(index: Index) -> dict[str, str]:
    named = {"UV_DEFAULT_INDEX": index.url, "UV_INDEX": " ".join(index.extra)}
    return _QUIET | {name: value for name, value in named.items() if value}


def _modules(captured: Captured) -> tuple[Layer, ...]:
    if captured.modules is None:
        return ()
    step = Step(
        title="unpacking the modules beside the script",
        argv=("{self}", "-m", "zipfile", "-e", f"{{root}}/{captured.modules.path}", "{folder}/modules"),
    )
    return (Layer(digest=_of_modules(captured.modules.path), steps=(step,)),)
