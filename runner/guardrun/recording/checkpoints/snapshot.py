"""A copy of a state in the host's memory, that the training may go on from."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any


def snapshot(state: Any) -> Any:
    """A reduced state (``reduce_state``) with every tensor copied to the CPU, once for each storage.

    Tensors that share memory (tied weights) share it in the copy as well: the file is no larger for it.
    """
    return _copy(state, {})


def _copy(value: Any, storages: dict[tuple[str, int], Any]) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: _copy(one, storages) for key, one in value.items()}
    if kind is OrderedDict:
        copied = OrderedDict((key, _copy(one, storages)) for key, one in value.items())
        if hasattr(value, "_metadata"):
            copied._metadata = value._metadata  # type: ignore[attr-defined]
        return copied
    if kind is list or kind is tuple:
        return kind(_copy(one, storages) for one in value)
    return _copy_tensor(value, storages) if hasattr(value, "untyped_storage") else value


def _copy_tensor(tensor: Any, storages: dict[tuple[str, int], Any]) -> Any:
    torch = sys.modules["torch"]
    tensor = tensor.detach()
    plain = tensor.layout is torch.strided and type(tensor) is torch.Tensor and not tensor.is_quantized
    if not plain or tensor.is_conj() or tensor.is_neg():
        return tensor.to("cpu", copy=True)
    storage = tensor.untyped_storage()
    key = (str(storage.device), storage.data_ptr())
    if not storage.nbytes():
        return tensor.to("cpu", copy=True)
    if key not in storages:
        storages[key] = storage.clone() if storage.device.type == "cpu" else storage.cpu()
    copied = torch.empty(0, dtype=tensor.dtype)
    copied.set_(storages[key], tensor.storage_offset(), tensor.size(), tensor.stride())
    return copied
