"""Record a training run as JSON lines, stop it safely, keep its best checkpoint.

``import guardrun`` loads nothing but this file; the first use of a name loads what it needs
(PEP 562), so that a training script pays for what it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Run", "StopRun", "__version__", "current_run", "start"]

if TYPE_CHECKING:
    from guardrun.recording.run import Run, StopRun
    from guardrun.recording.starting import current_run, start

_HOMES = {
    "Run": "guardrun.recording.run",
    "StopRun": "guardrun.recording.run",
    "current_run": "guardrun.recording.starting",
    "start": "guardrun.recording.starting",
}


def __getattr__(name: str) -> object:
    if name == "integrations":
        import importlib

        return importlib.import_module("guardrun.integrations")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'guardrun' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value
