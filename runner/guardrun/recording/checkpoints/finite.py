"""Whether tensors hold a NaN or an infinity, in bounded memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_CHUNK = 4 * 1024 * 1024
"""Elements looked at in one go."""


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
    """What a chunk-wise pass over the tensor meets first, "NaN" or "an infinity"; None when neither."""
    import torch

    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
        return None
    if tensor.layout is not torch.strided:
        tensor = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.values()
    flat = tensor.detach().reshape(-1)
    if flat.is_complex():
        flat = torch.view_as_real(flat.resolve_conj()).reshape(-1)
    for chunk in flat.split(_CHUNK):
        # The 8-bit floats have no minimum of their own. A NaN anywhere makes both limits NaN.
        limits = torch.stack(torch.aminmax(chunk.float() if chunk.element_size() == 1 else chunk)).tolist()
        if limits[0] != limits[0]:
            return "NaN"
        if not nan_only and not all(map(math.isfinite, limits)):
            return "an infinity"
    return None
