"""The names of the package."""

from __future__ import annotations

import pkgutil

import cloudclusters as cc


def test_no_public_name_is_that_of_a_submodule() -> None:
    """Importing the submodule would replace the function."""
    modules = {module.name for module in pkgutil.iter_modules(cc.__path__)}

    assert modules & set(cc.__all__) == {"aio", "errors"}
