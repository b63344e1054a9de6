"""What a script logs, as plain numbers: floats are taken as they are, everything else goes through here."""

from __future__ import annotations

import sys
from typing import Any, Final

from guardrun.events.encode import nonfinite_word

SKIP: Final = object()
"""A value that is no number and no text."""
_plain_tensor: type | None = None
"""torch.Tensor itself, once one was logged: the usual value by far, known without asking what it can do."""


class OnDevice:
    """A one-element tensor on an accelerator, to be read later."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


def plain(value: Any) -> Any:
    """A float, int or str for the log; OnDevice for a tensor to be read later; SKIP for anything else.

    Never raises. Booleans become 0 and 1. Tensors and arrays of one element are numbers; on the CPU they
    are read at once.
    """
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind is bool:
        return int(value)
    try:
        if kind is _plain_tensor and value.is_cpu:
            return _scalar(value.item())  # refuses by itself what is not one number
        if getattr(value, "is_cuda", None) is not None:
            return _tensor(value)
        if isinstance(value, float):
            return finite_or_word(float(value))
        if isinstance(value, int):
            return int(value)
        if hasattr(value, "item"):
            return _scalar(value.item())
        if hasattr(value, "__float__"):
            return finite_or_word(float(value))
    except Exception:
        return SKIP
    return SKIP


def finite_or_word(value: float) -> float | str:
    return value if value - value == 0.0 else nonfinite_word(value)


def _tensor(value: Any) -> Any:
    global _plain_tensor
    if _plain_tensor is None:
        _plain_tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    if value.numel() != 1:
        return SKIP
    if hasattr(value, "full_tensor"):  # a DTensor: reading one is a collective, which a log must not start
        return SKIP
    if value.device.type == "cpu":
        return _scalar(value.item())
    return SKIP if value.device.type == "meta" else OnDevice(value.detach())


def _scalar(item: Any) -> Any:
    if type(item) is float:
        return item if item - item == 0.0 else nonfinite_word(item)
    if isinstance(item, int):
        return int(item)
    return SKIP
