"""In processes that tests start, PyTorch's compiler sleeps until something asks for it.

torch.optim imports torch._dynamo, with SymPy and 800 other modules (more than a second of CPU in every
training), only to tell a compiler that nobody started to keep away. Python imports this file when it starts,
because tests/conftest.py puts its folder on PYTHONPATH. Whatever else is wanted of torch._dynamo is the real
one, imported then. tests/samples trains with PyTorch as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"


class Asleep(ModuleType):
    """What torch.optim takes from torch._dynamo, as it is while nothing is compiled."""

    @staticmethod
    def disable(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        return function

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(wake(), name)


class Finder(MetaPathFinder, Loader):
    """Finds the sleeping module, and the real one as soon as anything below it is imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name == NAME:
            return ModuleSpec(name, self, is_package=True)
        if not name.startswith(f"{NAME}."):
            return None
        real = wake()
        return ModuleSpec(name, self) if name in sys.modules else PathFinder.find_spec(name, real.__path__)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return sys.modules[spec.name] if spec.name in sys.modules else Asleep(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def wake() -> ModuleType:
    """The real module, in its place from now on."""
    if FINDER in sys.meta_path:
        sys.meta_path.remove(FINDER)
        sys.modules.pop(NAME, None)
    return import_module(NAME)


FINDER = Finder()
sys.meta_path.insert(0, FINDER)
