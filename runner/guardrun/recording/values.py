"""What a script logs, as plain numbers: floats are taken as they are, everything else goes through here."""

from __future__ import annotations

from typing import Any, Final

from guardrun.events.encode import nonfinite_word

SKIP: Final = object()
"""A value that is no number and no text."""


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
    if value.numel() != 1:
        return SKIP
    if hasattr(value, "full_tensor"):  # a DTensor: reading one is a collective, which a log must not start
        return SKIP
    if value.device.type == "cpu":
        return _scalar(value.item())
    return SKIP if value.device.type == "meta" else OnDevice(value.detach())


def _scalar(item: Any) -> Any:
    if type(item) is float:
        return finite_or_word(item)
    if isinstance(item, int):
        return int(item)
    return SKIP
