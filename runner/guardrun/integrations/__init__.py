"""Adapters for training loops that people already have; each needs its framework and loads it when used.

``guardrun.integrations.transformers.GuardCallback()``, ``guardrun.integrations.lightning.GuardCallback()``,
``guardrun.integrations.accelerate.GuardTracker()``, ``guardrun.integrations.keras.GuardCallback()``,
``guardrun.integrations.tensorboard.mirror()``, ``guardrun.integrations.ultralytics.attach(model)``.
"""

from __future__ import annotations

_MODULES = frozenset(("accelerate", "keras", "lightning", "tensorboard", "transformers", "ultralytics"))


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"{__name__}.{name}")
