"""How functions and data travel to workers and results come back.

Functions of `__main__`, and of modules that only the driver can import (those beside the script), travel by
value with what they refer to. Everything else travels by name.
"""

from __future__ import annotations

import contextlib
import functools
import pickle
import site
import sys
import sysconfig
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cloudclusters.errors import NotPicklable

_lock = threading.RLock()
DEPTH = 4
"""How deep a culprit is looked for."""


def pack_function(function: object) -> bytes:
    """Pickle a function; raises `NotPicklable` naming the function and what in it cannot travel."""
    try:
        return _pack(function)
    except Exception as exc:
        where, what = culprit(function)
        holds = f": {where} is a {_kind(what)}, which cannot leave this process" if where else f": {exc}"
        raise NotPicklable(
            f"the function {name_of(function)!r} cannot travel to a worker{holds}",
            hint="make it inside the function, or once per worker with `everywhere`, and pass plain data instead",
        ) from exc


def pack_items(items: Sequence[object], *, of: str, first: int) -> bytes:
    """Pickle a chunk of arguments; raises `NotPicklable` naming the item. `first` is the first one's number."""
    try:
        return _pack(list(items))
    except Exception as exc:
        number, where, what = _bad_item(items)
        at = f" ({where} is a {_kind(what)})" if where else ""
        raise NotPicklable(
            f"item {first + number} for {of!r} cannot travel to a worker{at}: {exc}",
            hint="pass a path, a name or plain data, and open or build the object inside the function",
        ) from exc


def pack_call(arguments: tuple[object, ...], named: Mapping[str, object], *, of: str) -> bytes:
    """Pickle the arguments of one call; raises `NotPicklable` naming what cannot travel."""
    try:
        return _pack((arguments, dict(named)))
    except Exception as exc:
        where, what = culprit((arguments, dict(named)))
        at = f" ({where} is a {_kind(what)})" if where else ""
        raise NotPicklable(
            f"the arguments for {of!r} cannot travel to a worker{at}: {exc}",
            hint="pass a path, a name or plain data, and open or build the object inside the function",
        ) from exc


def unpack(data: bytes) -> object:
    """A result that came back."""
    return pickle.loads(data)


def unpack_error(data: bytes, *, note: str) -> BaseException:
    """The user's own exception, its traceback on the worker included; a `RuntimeError` if it cannot be rebuilt."""
    import distributed  # noqa: F401  (teaches pickle about tracebacks)

    pickled, summary, text = pickle.loads(data)
    error: BaseException
    try:
        error = pickle.loads(pickled) if pickled is not None else RuntimeError(summary)
    except Exception as exc:  # noqa: BLE001  (unpickling runs the user's code)
        error = RuntimeError(f"{summary} (and it cannot be rebuilt here: {exc})")
    if text:
        error.add_note(f"on the worker:\n{text}")
    error.add_note(note)
    return error


def name_of(function: object) -> str:
    """What to call a function in a sentence."""
    if isinstance(function, str):
        return function.strip().splitlines()[0] if function.strip() else function
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def _pack(value: object) -> bytes:
    import cloudpickle

    with homemade_by_value():
        return bytes(cloudpickle.dumps(value, protocol=5))


# Which modules travel by value


@contextlib.contextmanager
def homemade_by_value() -> Iterator[None]:
    """While this lasts, cloudpickle takes modules that workers cannot import by value."""
    import cloudpickle

    with _lock:
        before = cloudpickle.list_registry_pickle_by_value()
        ours = [
            sys.modules[name] for name in _homemade(tuple(sys.modules)) if name not in before and name in sys.modules
        ]
        for module in ours:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in ours:
                cloudpickle.unregister_pickle_by_value(module)


@functools.lru_cache(maxsize=1)
def _homemade(loaded: tuple[str, ...]) -> list[str]:
    """The modules to take by value; looked for again when modules were loaded since."""
    return [name for name in loaded if _is_homemade(name, sys.modules.get(name))]


def _is_homemade(name: str, module: object) -> bool:
    # A module under a second name is found under its own.
    if not isinstance(module, types.ModuleType) or module.__name__ != name or name == "__main__":
        return False
    file = module.__dict__.get("__file__")
    return isinstance(file, str) and name.partition(".")[0] != "cloudclusters" and _only_here(name, file)


@functools.lru_cache(maxsize=20_000)
def _only_here(name: str, file: str) -> bool:
    """Whether a module was found on a path that only this process has."""
    path = Path(file)
    if path.suffix != ".py" or any(path.is_relative_to(place) for place in _installed()):
        return False
    root = path.parents[name.count(".") + (path.name == "__init__.py")]
    return root not in _linked() and name.partition(".")[0] not in _editable()


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Folders that hold the standard library and installed packages."""
    known = sysconfig.get_paths()
    found = [known[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    with contextlib.suppress(AttributeError):  # an embedded Python may lack them
        found += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple(dict.fromkeys(Path(place) for place in found))


@functools.cache
def _linked() -> frozenset[Path]:
    """Folders that `.pth` files add to the path of every process: editable installs."""
    found: set[Path] = set()
    for place in _installed():
        for file in place.glob("*.pth"):
            for line in file.read_text("utf-8", errors="replace").splitlines():
                if line.strip() and not line.startswith(("import ", "import\t", "#")):
                    found.add((place / line.strip()).resolve())
    return frozenset(found)


@functools.cache
def _editable() -> frozenset[str]:
    """Packages that import hooks of editable installs provide."""
    maps = [getattr(sys.modules.get(type(f).__module__), "MAPPING", None) for f in sys.meta_path]
    maps += [getattr(sys.modules.get(getattr(f, "__module__", "")), "MAPPING", None) for f in sys.meta_path]
    return frozenset(str(name) for found in maps if isinstance(found, dict) for name in found)


# What in a function cannot travel


def culprit(value: object, depth: int = DEPTH) -> tuple[str, object]:
    """The innermost part that cannot be pickled: how to say where it is, and the part itself; `""` if unknown."""
    for where, part in _parts(value):
        if part is value or _can_travel(part):
            continue
        if depth > 1:
            inner, what = culprit(part, depth - 1)
            if inner:
                return f"{where}, and there {inner}", what
        return where, part
    return "", None


def _can_travel(value: object) -> bool:
    try:
        _pack(value)
    except Exception:  # noqa: BLE001  (pickling runs the user's code)
        return False
    return True


def _bad_item(items: Sequence[object]) -> tuple[int, str, object]:
    for number, item in enumerate(items):
        if not _can_travel(item):
            where, what = culprit(item)
            return number, where, what
    return 0, "", None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """The parts of a value, each with words for where it is."""
    if isinstance(value, types.FunctionType):
        yield from _function_parts(value)
    elif isinstance(value, types.MethodType):
        yield f"its object, a {_kind(value.__self__)}", value.__self__
    elif isinstance(value, functools.partial):
        yield "its function", value.func
        yield from ((f"argument {i}", part) for i, part in enumerate(value.args))
        yield from ((f"argument {name!r}", part) for name, part in value.keywords.items())
    elif isinstance(value, dict):
        yield from ((f"the value at {key!r}", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"element {i}", part) for i, part in enumerate(value))
    elif hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType)):
        yield from ((f"attribute {name!r}", part) for name, part in vars(value).items())


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not bound yet
            yield f"its variable {name!r}", cell.cell_contents
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield f"its global {name!r}", function.__globals__[name]
    for part in function.__defaults__ or ():
        yield "a default value", part
    yield from ((f"the default of {name!r}", part) for name, part in (function.__kwdefaults__ or {}).items())


def _names(code: types.CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(c) for c in code.co_consts if isinstance(c, types.CodeType)))


def _kind(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
