"""Heavy packages, imported at their first use: a worker that runs none of their tests never loads them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module at the top of a test file. Pytest asks whatever it finds there for ``__test__``
    and the like, which loads nothing.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self._module), name)
