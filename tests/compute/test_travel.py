"""What travels to workers, how, and what is said when something cannot."""

from __future__ import annotations

import functools
import importlib
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloudclusters.api.compute import onworker, travel
from cloudclusters.errors import NotPicklable

LOCK = threading.Lock()


class Model:
    """Something with a part that cannot travel."""

    def __init__(self) -> None:
        self.weights = [1, 2]
        self.guard = threading.Lock()

    def predict(self, x: int) -> int:
        """Use it."""
        return x


def uses_global(x: int) -> int:
    """Refers to a lock of this module."""
    with LOCK:
        return x


def test_a_global_that_cannot_travel_is_named() -> None:
    """The message names the function, the variable and its type."""
    with pytest.raises(NotPicklable, match=r"'uses_global' .* global 'LOCK' is a _thread.lock"):
        travel.pack_function(uses_global)


def test_a_captured_variable_that_cannot_travel_is_named() -> None:
    """Closures hide what they hold."""
    handle = threading.Lock()

    with pytest.raises(NotPicklable, match=r"variable 'handle' is a _thread\.lock"):
        travel.pack_function(lambda x: (handle, x))


def test_an_attribute_that_cannot_travel_is_named() -> None:
    """A method takes its object along."""
    with pytest.raises(NotPicklable, match=r"and there attribute 'guard' is a _thread\.lock"):
        travel.pack_function(Model().predict)


def test_an_argument_of_a_partial_that_cannot_travel_is_named() -> None:
    """So is what `partial` holds."""
    with pytest.raises(NotPicklable, match=r"argument 'guard' is a _thread\.lock"):
        travel.pack_function(functools.partial(print, guard=threading.Lock()))


def test_an_item_that_cannot_travel_is_numbered() -> None:
    """Among thousands of items the number is what the user needs."""
    items = [(1,), (2,), (threading.Lock(),)]

    with pytest.raises(NotPicklable, match="item 42 for 'f'"):
        travel.pack_items(items, of="f", first=40)


def test_the_error_of_pickle_stays_the_cause() -> None:
    """For those who want to see all of it."""
    with pytest.raises(NotPicklable) as caught:
        travel.pack_function(uses_global)

    assert isinstance(caught.value.__cause__, TypeError)


def test_modules_beside_the_script_travel_by_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot import the module can still run its functions, and what they call there."""
    (tmp_path / "beside.py").write_text("FACTOR = 3\n\ndef triple(x):\n    return x * FACTOR\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    beside = importlib.import_module("beside")
    try:
        data = travel.pack_function(lambda: beside.triple(5))
    finally:
        del sys.modules["beside"]

    script = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1]))())"
    said = subprocess.run([sys.executable, "-c", script, data.hex()], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "15"


def test_installed_modules_travel_by_name() -> None:
    """The nodes have them, and copying all of a library would be slow."""
    assert (
        b"json.decoder" in travel.pack_function(importlib.import_module("json").loads)
        or len(travel.pack_function(importlib.import_module("json").loads)) < 100
    )


def test_packing_leaves_cloudpickle_as_it_was() -> None:
    """The user's own use of cloudpickle is not ours to change."""
    import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()

    travel.pack_function(uses_module := lambda: travel)

    assert uses_module() is travel
    assert cloudpickle.list_registry_pickle_by_value() == before


def fail() -> None:
    """A user's function that fails with a cause."""
    try:
        {}["missing"]
    except KeyError as exc:
        raise ValueError("no such thing") from exc


def carried(function: object) -> BaseException:
    """The error of a call as it comes back."""
    good, data = onworker.outcome(function, ())  # type: ignore[arg-type]  # a plain function
    assert not good
    return travel.unpack_error(data, note="raised on pid 7")


def test_an_error_keeps_its_traceback() -> None:
    """The last frame is the user's line, not ours."""
    error = carried(fail)

    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    assert trace.tb_frame.f_code.co_name == "fail"


def test_an_error_keeps_its_cause() -> None:
    """`raise … from …` tells what really happened."""
    assert isinstance(carried(fail).__cause__, KeyError)


def test_an_error_says_where_it_was_raised() -> None:
    """A note, so that the message stays the user's."""
    error = carried(fail)

    assert (str(error), error.__notes__) == ("no such thing", ["raised on pid 7"])


class Stubborn(Exception):
    """An error that holds what cannot travel."""

    def __init__(self, code: int, *, where: str) -> None:
        super().__init__(f"code {code} at {where}")
        self.guard = threading.Lock()


def stubborn() -> None:
    """Raise it."""
    raise Stubborn(3, where="here")


def test_an_error_that_cannot_travel_comes_as_text() -> None:
    """With its type, message and traceback, rather than an error about pickling."""
    error = carried(stubborn)

    assert isinstance(error, RuntimeError)
    assert "Stubborn: code 3 at here" in str(error)
    assert any("in stubborn" in note for note in error.__notes__)


def test_a_result_that_cannot_travel_says_so() -> None:
    """The message names its type, not a line of pickle."""
    assert "the result, a lock, cannot travel back" in str(carried(threading.Lock))


def test_results_are_pickled_plainly() -> None:
    """Quick for the many small ones."""
    assert onworker.pack([1, "two"]) == pickle.dumps([1, "two"], protocol=5)
