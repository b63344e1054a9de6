"""Whether tensors hold a NaN or an infinity, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_CHUNK = 4 * 1024 * 1024
"""Elements looked at in one go: a mask of 4 MiB, whatever the tensor's size."""


def tensors_in(state: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every tensor below a state, with its dotted path."""
    if hasattr(state, "untyped_storage"):
        yield name, state
    elif isinstance(state, dict):
        for key, value in state.items():
            yield from tensors_in(value, f"{name}.{key}" if name else str(key))
    elif isinstance(state, list | tuple):
        for index, value in enumerate(state):
            yield from tensors_in(value, f"{name}.{index}")


def first_nonfinite(state: Any, constants: Collection[str] = ()) -> str | None:
    """What is not finite in a model's state, in words; None when all is well.

    ``constants`` are the names of buffers and frozen parameters: masks hold infinities by design, so there
    only a NaN counts.
    """
    for name, tensor in tensors_in(state):
        word = nonfinite_word(tensor, nan_only=name in constants)
        if word:
            return f"{name} holds {word}"
    return None


def nonfinite_word(tensor: Any, *, nan_only: bool = False) -> str | None:
    """ "NaN" or "an infinity", the first that a chunk-wise pass over the tensor meets; None when neither."""
    import torch

    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
        return None
    if tensor.layout is not torch.strided:
        tensor = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
    for chunk in tensor.detach().reshape(-1).split(_CHUNK):
        if chunk.element_size() == 1:  # the 8-bit floats have no isnan of their own everywhere
            chunk = chunk.float()
        if bool(torch.isnan(chunk).any()):
            return "NaN"
        if not nan_only and bool(torch.isinf(chunk).any()):
            return "an infinity"
    return None
