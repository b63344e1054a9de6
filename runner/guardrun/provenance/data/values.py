"""What kind of object a data set is, told without importing the library that it comes from."""

from __future__ import annotations

import sys
from typing import Any


def as_array(value: Any) -> Any:
    """A NumPy view of an array, a tensor or an image; None for anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach()
        plain = plain.to_dense() if plain.layout is not torch.strided else plain
        plain = plain.cpu()
        if plain.dtype is torch.bfloat16:
            plain = plain.view(torch.int16)
        return plain.resolve_conj().resolve_neg().numpy()
    if hasattr(value, "__array_interface__") or hasattr(value, "dtype"):
        import numpy as np

        return np.asarray(value)
    return None


def as_numbers(value: Any) -> Any:
    """As ``as_array``, with numbers that mean what they say: bfloat16 as float32, not as its bits."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor) and value.dtype is torch.bfloat16:
        value = value.detach().float()
    return as_array(value)


def is_tensor_dataset(obj: Any) -> bool:
    module = sys.modules.get("torch.utils.data")
    return module is not None and type(obj) is module.TensorDataset


def is_subset(obj: Any) -> bool:
    module = sys.modules.get("torch.utils.data")
    return module is not None and type(obj) is module.Subset


def is_stream(obj: Any) -> bool:
    """Whether a data set of torch has no items to choose from, only an order: its length may be known."""
    module = sys.modules.get("torch.utils.data")
    return module is not None and isinstance(obj, module.IterableDataset)


def unwrapped(obj: Any) -> Any:
    """The data set that a DataLoader loads; anything else as it is."""
    module = sys.modules.get("torch.utils.data")
    return obj.dataset if module is not None and isinstance(obj, module.DataLoader) else obj


def frame_kind(obj: Any) -> str:
    """ "pandas", "polars" or "datasets" (Hugging Face) for a table of one of these; "" for anything else."""
    for module, name in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("datasets", "Dataset")):
        loaded = sys.modules.get(module)
        kind = getattr(loaded, name, None)
        if isinstance(kind, type) and isinstance(obj, kind):
            return module
    return ""


def length_of(obj: Any) -> int | None:
    """Its number of examples; None for a path, a stream and whatever raises."""
    import os

    if isinstance(obj, str | os.PathLike):
        return None
    try:
        return len(obj)
    except Exception:
        return None
