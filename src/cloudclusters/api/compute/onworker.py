"""What runs on a worker. Travels there by value, so that nodes need nothing of ours installed.

Imports the standard library at the top, and `distributed` and `cloudpickle`, which every worker has, inside.
What must outlive a task (functions already unpacked, the namespace) is kept in a module that is made at first use.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import functools
import pickle
import sys
import threading
import time
import traceback
import types
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol, TypeGuard

STATE = "_cloudclusters_worker_1"
KEPT_FUNCTIONS = 32
MOST_RESULT_BYTES = 8 << 20

Outcome = tuple[bool, bytes]


class Call(Protocol):
    """What a user's function looks like from here."""

    def __call__(self, *arguments: object) -> object:
        """Call it."""
        ...


class State(types.ModuleType):
    """What this worker process keeps between tasks."""

    def __init__(self) -> None:
        super().__init__(STATE)
        self.lock = threading.Lock()
        self.functions: OrderedDict[str, tuple[Call, frozenset[str]]] = OrderedDict()
        self.namespace: dict[str, object] = {"__name__": "__cloudclusters__", "__builtins__": builtins}
        self.defined: set[str] = set()


def state() -> State:
    """This process's one state."""
    kept = sys.modules.get(STATE)
    if kept is None:
        kept = sys.modules.setdefault(STATE, State())
    return kept  # type: ignore[return-value]  # only we put it there


def run_chunk(key: str, function: bytes, items: bytes, box: float | None) -> tuple[list[Outcome], float, str]:
    """Call the function on each tuple of arguments, until all are done or the time or size of a chunk is used up.

    Returns an outcome for each item that was begun, the seconds it took, and this worker's name.
    """
    call = _function(key, function)
    outcomes: list[Outcome] = []
    size = 0
    arguments = pickle.loads(items)
    begun = time.perf_counter()
    for each in arguments:
        outcomes.append(outcome(call, each))
        size += len(outcomes[-1][1])
        if (box is not None and time.perf_counter() - begun > box) or size > MOST_RESULT_BYTES:
            break
    spent = time.perf_counter() - begun
    return outcomes, spent, _send_output()


def run_call(function: bytes, arguments: bytes) -> tuple[Outcome, str]:
    """Call a function once, for executors."""
    positional, named = pickle.loads(arguments)
    call = pickle.loads(function)
    return outcome(functools.partial(call, **named), positional), _send_output()


def run_here(function: bytes, arguments: bytes) -> tuple[Outcome, str]:
    """Call a function, or execute a text of code, in this worker's namespace."""
    call = pickle.loads(function)
    call = functools.partial(_execute, call) if isinstance(call, str) else _settle(call)
    return outcome(call, pickle.loads(arguments)), _send_output()


def read_name(name: str) -> tuple[Outcome, str]:
    """The value of a name in this worker's namespace."""
    kept = state()

    def look(*_: object) -> object:
        if name in kept.namespace:
            return kept.namespace[name]
        raise LookupError(", ".join(sorted(kept.defined)) or "nothing")

    return outcome(look, ()), _send_output()


def outcome(call: Call, arguments: tuple[object, ...]) -> Outcome:
    """What a call came to, ready to travel: true and its result, or false and its error."""
    try:
        result = call(*arguments)
    except BaseException as exc:  # noqa: BLE001  (the edge of the user's code: whatever it raises goes to the user)
        return False, pack_error(exc)
    try:
        return True, pack(result)
    except Exception as exc:  # noqa: BLE001  (pickling runs the user's code too)
        error = TypeError(f"the result, a {type(result).__qualname__}, cannot travel back: {exc}")
        error.__cause__ = exc
        return False, pack_error(error)


def pack(value: object) -> bytes:
    """Pickle quickly, and by value what lives in a module that only the driver has."""
    import cloudpickle

    try:
        data = pickle.dumps(value, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError, ImportError):
        return bytes(cloudpickle.dumps(value, protocol=5))
    return bytes(cloudpickle.dumps(value, protocol=5)) if b"__main__" in data else data


def pack_error(error: BaseException) -> bytes:
    """Pickle an error with its traceback and causes; as text when it cannot be unpickled again."""
    if error.__traceback__ is not None:
        # The first frame is ours.
        error = error.with_traceback(error.__traceback__.tb_next or error.__traceback__)
    text = "".join(traceback.format_exception(error))
    try:
        from tblib import pickling_support  # type: ignore[import-untyped]  # has no types

        pickling_support.install(*_chain(error))
        data = pack(error)
        pickle.loads(data)
    except Exception:  # noqa: BLE001  (an error's own pickling may fail in any way)
        return pickle.dumps((None, f"{type(error).__qualname__}: {error}", text))
    return pickle.dumps((data, f"{type(error).__qualname__}: {error}", ""))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__]


def _function(key: str, function: bytes) -> Call:
    """The mapped function, unpacked once per map; what the namespace defines is visible to it, its own names first."""
    kept = state()
    with kept.lock:
        call: Call
        if key not in kept.functions:
            call = pickle.loads(function)
            kept.functions[key] = call, frozenset(getattr(call, "__globals__", ()))
            while len(kept.functions) > KEPT_FUNCTIONS:
                kept.functions.popitem(last=False)
        kept.functions.move_to_end(key)
        call, shipped = kept.functions[key]
        if _came_by_value(call):
            call.__globals__.update({n: kept.namespace[n] for n in kept.defined - shipped if n in kept.namespace})
    return call


def _came_by_value(call: object) -> TypeGuard[types.FunctionType]:
    if not isinstance(call, types.FunctionType):
        return False
    home = sys.modules.get(call.__module__ or "")
    return home is None or vars(home) is not call.__globals__


def _settle(call: Call) -> Call:
    """A function that came by value gets this worker's namespace for its globals; others stay as they are.

    What it brought along is put into the namespace too, but never over a name that was defined here.
    """
    if isinstance(call, functools.partial):
        return functools.partial(_settle(call.func), *call.args, **call.keywords)
    if not _came_by_value(call):
        return call
    kept = state()
    with kept.lock:
        move = _Move(call.__globals__, kept.namespace)
        for name, value in move.shipped.items():
            if not name.startswith("__") and name not in kept.defined:
                kept.namespace[name] = move(value)
        kept.defined |= _assigned(call.__code__)
        moved: Call = move(call)  # type: ignore[assignment]  # a function stays one
        return moved


class _Move:
    """Gives functions that came together with their globals new globals."""

    def __init__(self, shipped: dict[str, object], namespace: dict[str, object]) -> None:
        self.shipped = shipped
        self._namespace = namespace
        self._moved: dict[int, types.FunctionType] = {}

    def __call__(self, value: object) -> object:
        if not isinstance(value, types.FunctionType) or value.__globals__ is not self.shipped:
            return value
        if id(value) not in self._moved:
            here = types.FunctionType(
                value.__code__, self._namespace, value.__name__, value.__defaults__, value.__closure__
            )
            here.__kwdefaults__, here.__qualname__, here.__doc__ = (
                value.__kwdefaults__,
                value.__qualname__,
                value.__doc__,
            )
            here.__dict__.update(value.__dict__)
            self._moved[id(value)] = here
            for cell in value.__closure__ or ():
                with contextlib.suppress(ValueError):  # an empty cell: a name that is not bound yet
                    cell.cell_contents = self(cell.cell_contents)
        return self._moved[id(value)]


def _assigned(code: types.CodeType) -> set[str]:
    """The names that this code, or a function inside it, assigns as globals."""
    own = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "STORE_GLOBAL"}
    return own.union(*(_assigned(c) for c in code.co_consts if isinstance(c, types.CodeType)))


def _execute(text: str) -> None:
    kept = state()
    code = compile(text, "<everywhere>", "exec")
    kept.defined |= _assigned(code) | {str(i.argval) for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    exec(code, kept.namespace)


def _send_output() -> str:
    """Hand what was printed to the scheduler before the task's end is told, and return this worker's name."""
    from distributed import get_worker

    worker = get_worker()
    output = getattr(worker, "cloudclusters_output", None)
    if output is not None:
        worker.loop.add_callback(output.send, worker)
    return str(worker.name)
