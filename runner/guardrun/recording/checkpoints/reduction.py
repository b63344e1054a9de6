"""State as tensors and plain Python, so that ``torch.load(weights_only=True)`` reads it, and back again.

Kept as they are: None, bool, int, float, str, list, tuple, dict, OrderedDict, tensors. Every other known
type becomes a dictionary with the key ``__guard__`` that says how to make it again. Enum members and named
tuples are made again only from classes that the process has already imported: reading a checkpoint never
imports a module that the file names.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TAG = "__guard__"
MAX_DEPTH = 100

_Keys = tuple[Any, ...]
_PLAIN = frozenset((type(None), bool, int, float, str))
_FACTORIES: dict[str, Any] = {kind.__name__: kind for kind in (int, float, str, bool, list, dict, set, tuple)}
_NUMPY_KINDS = frozenset("biufcSUmM")


def reduce_state(value: Any, keys: _Keys = ()) -> Any:
    """``value`` made of tensors and plain Python only. Tensors are detached, not copied.

    Raises UserError naming the object and the path of keys to a value of a type that can't be kept.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if len(keys) > MAX_DEPTH:
        raise _refused(value, keys, f"lies more than {MAX_DEPTH} levels deep; does its owner contain itself?")
    for fits, reduce in _REDUCERS:
        if fits(value, kind):
            return reduce(value, keys)
    raise _refused(value, keys, "can't be kept in a checkpoint")


def expand_state(value: Any) -> Any:
    """What ``reduce_state`` was given. Raises UserError for a class that this process does not have."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        tag = value.get(TAG)
        if tag is None:
            return {key: expand_state(one) for key, one in value.items()}
        expand = _EXPANDERS.get(tag)
        if expand is None:
            raise UserError(
                f"the checkpoint holds a value of the unknown kind {tag!r}; was it made by a newer guard?"
            )
        return expand(value)
    if kind is list:
        return [expand_state(one) for one in value]
    if kind is tuple:
        return tuple(expand_state(one) for one in value)
    if kind is OrderedDict:
        expanded = OrderedDict((key, expand_state(one)) for key, one in value.items())
        if hasattr(value, "_metadata"):
            expanded._metadata = value._metadata  # type: ignore[attr-defined]
        return expanded
    return value


def where(keys: _Keys) -> str:
    """A path of keys as a person writes it: ``scheduler['lr_lambdas'][0]``."""
    return f"{keys[0]}{''.join(f'[{key!r}]' for key in keys[1:])}" if keys else "the state"


def _refused(value: Any, keys: _Keys, why: str) -> UserError:
    kind = type(value)
    return UserError(
        f"{where(keys)} is a {kind.__module__}.{kind.__qualname__}, which {why}",
        hint="let state_dict() return tensors, numbers, strings, lists and dictionaries only",
    )


# -- to plain


def _items(pairs: Iterable[tuple[Any, Any]], keys: _Keys) -> list[list[Any]]:
    return [[reduce_state(key, (*keys, key)), reduce_state(one, (*keys, key))] for key, one in pairs]


def _values(values: Iterable[Any], keys: _Keys) -> list[Any]:
    return [reduce_state(one, (*keys, index)) for index, one in enumerate(values)]


def _plain_key(key: Any) -> bool:
    return type(key) in _PLAIN or (type(key) is tuple and all(map(_plain_key, key)))


def _dict(value: dict[Any, Any], keys: _Keys) -> dict[Any, Any]:
    if TAG in value or not all(map(_plain_key, value)):
        return {TAG: "dict", "items": _items(value.items(), keys)}
    return {key: reduce_state(one, (*keys, key)) for key, one in value.items()}


def _ordered(value: OrderedDict[Any, Any], keys: _Keys) -> Any:
    if not all(map(_plain_key, value)):
        return {TAG: "OrderedDict", "items": _items(value.items(), keys)}
    reduced = OrderedDict((key, reduce_state(one, (*keys, key))) for key, one in value.items())
    metadata = getattr(value, "_metadata", None)
    if metadata is not None:  # versions of a module's layout, which load_state_dict reads
        reduced._metadata = reduce_state(metadata, (*keys, "_metadata"))  # type: ignore[attr-defined]
    return reduced


def _defaultdict(value: defaultdict[Any, Any], keys: _Keys) -> dict[str, Any]:
    factory = value.default_factory
    name = None if factory is None else getattr(factory, "__name__", "")
    if name is not None and _FACTORIES.get(name) is not factory:
        raise _refused(value, keys, "has a default_factory that can't be kept in a checkpoint")
    return {TAG: "defaultdict", "factory": name, "items": _items(value.items(), keys)}


def _enum(value: Enum, keys: _Keys) -> dict[str, Any]:
    return {TAG: "enum", "class": _class_name(type(value), value, keys), "name": value.name}


def _named_tuple(value: Any, keys: _Keys) -> dict[str, Any]:
    name = _class_name(type(value), value, keys)
    return {TAG: "namedtuple", "class": name, "items": _values(value, keys)}


def _class_name(kind: type, value: Any, keys: _Keys) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if _find_class(name) is not kind:
        raise _refused(value, keys, "is of a class that can't be found by its name again")
    return name


def _find_class(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _tensor(value: Any, keys: _Keys) -> Any:
    torch = sys.modules["torch"]
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        name = type(value).__name__
        if name == "DTensor":
            raise _refused(value, keys, "is one shard of a tensor: guard does not save sharded models yet")
        if name.startswith("Uninitialized"):
            raise _refused(value, keys, "has no shape yet: feed the lazy module one batch before run.track")
        raise _refused(value, keys, "can't be kept in a checkpoint")
    if value.is_meta:
        raise _refused(value, keys, "lies on the meta device and has no values")
    plain = value.detach()
    if plain.layout is not torch.strided or plain.is_quantized:
        return plain
    # torch.save writes the whole storage of a view: a row of a huge table would take the table along.
    whole = plain.untyped_storage().nbytes() == plain.numel() * plain.element_size()
    return plain if whole else plain.clone()


def _is_numpy(value: Any, name: str) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, getattr(numpy, name))


def _array(value: Any, keys: _Keys) -> dict[str, Any]:
    import torch

    if value.dtype.kind not in _NUMPY_KINDS:
        raise _refused(value, keys, f"has the dtype {value.dtype}, which can't be kept in a checkpoint")
    raw = bytearray(value.tobytes())
    data = torch.frombuffer(raw, dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)
    tag = "ndarray" if _is_numpy(value, "ndarray") else "numpy"
    return {TAG: tag, "dtype": value.dtype.str, "shape": list(value.shape), "data": data}


def _bytes(value: bytes | bytearray, keys: _Keys) -> dict[str, Any]:
    import torch

    data = (
        torch.frombuffer(bytearray(value), dtype=torch.uint8) if value else torch.empty(0, dtype=torch.uint8)
    )
    return {TAG: type(value).__name__, "data": data}


def _torch_word(value: Any, keys: _Keys) -> dict[str, Any]:
    return {TAG: type(value).__name__, "value": str(value)}


def _is_torch(value: Any, *names: str) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, tuple(getattr(torch, name) for name in names))


_REDUCERS: tuple[tuple[Callable[[Any, type], bool], Callable[[Any, _Keys], Any]], ...] = (
    (lambda v, k: _is_torch(v, "Tensor"), _tensor),
    (lambda v, k: k is dict, _dict),
    (lambda v, k: k is list, _values),
    (lambda v, k: k is tuple, lambda v, keys: tuple(_values(v, keys))),
    (lambda v, k: k is OrderedDict, _ordered),
    (lambda v, k: isinstance(v, Enum), _enum),
    (lambda v, k: _is_numpy(v, "ndarray") or _is_numpy(v, "generic"), _array),
    (lambda v, k: k is defaultdict, _defaultdict),
    (lambda v, k: k is Counter, lambda v, keys: {TAG: "Counter", "items": _items(v.items(), keys)}),
    (lambda v, k: k is deque, lambda v, keys: {TAG: "deque", "maxlen": v.maxlen, "items": _values(v, keys)}),
    (lambda v, k: k in (set, frozenset), lambda v, keys: {TAG: type(v).__name__, "items": _values(v, keys)}),
    (lambda v, k: k in (bytes, bytearray), _bytes),
    (lambda v, k: k is complex, lambda v, keys: {TAG: "complex", "items": [v.real, v.imag]}),
    (lambda v, k: k is range, lambda v, keys: {TAG: "range", "items": [v.start, v.stop, v.step]}),
    (lambda v, k: isinstance(v, PurePath), lambda v, keys: {TAG: "path", "value": str(v)}),
    (lambda v, k: _is_torch(v, "Size"), lambda v, keys: {TAG: "Size", "items": list(v)}),
    (lambda v, k: _is_torch(v, "dtype", "device"), _torch_word),
    (lambda v, k: isinstance(v, tuple) and hasattr(k, "_fields"), _named_tuple),
)


# -- and back


def _pairs(value: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(expand_state(key), expand_state(one)) for key, one in value["items"]]


def _all(value: dict[str, Any]) -> list[Any]:
    return [expand_state(one) for one in value["items"]]


def _make_array(value: dict[str, Any]) -> Any:
    import numpy as np

    flat = np.frombuffer(value["data"].numpy().tobytes(), dtype=np.dtype(value["dtype"]))
    array = flat.reshape(value["shape"]).copy()
    return array if value[TAG] == "ndarray" else array[()]


def _make_torch_word(value: dict[str, Any]) -> Any:
    import torch

    if value[TAG] == "device":
        return torch.device(value["value"])
    found = getattr(torch, value["value"].removeprefix("torch."), None)
    if not isinstance(found, torch.dtype):
        raise UserError(
            f"the checkpoint names the dtype {value['value']!r}, which this PyTorch does not have"
        )
    return found


def _make_size(value: dict[str, Any]) -> Any:
    import torch

    return torch.Size(value["items"])


def _make_enum(value: dict[str, Any]) -> Any:
    kind = _find_class(value["class"])
    if not (isinstance(kind, type) and issubclass(kind, Enum) and value["name"] in kind.__members__):
        raise _class_gone(value, f"{value['class']}.{value['name']}")
    return kind[value["name"]]


def _make_named_tuple(value: dict[str, Any]) -> Any:
    kind = _find_class(value["class"])
    if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_make")):
        raise _class_gone(value, value["class"])
    return kind._make(_all(value))


def _class_gone(value: dict[str, Any], name: str) -> UserError:
    return UserError(
        f"the checkpoint holds a {name}, which this process does not have",
        hint="import its module before the run is resumed, or keep plain values in state_dict()",
    )


_EXPANDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": lambda v: dict(_pairs(v)),
    "OrderedDict": lambda v: OrderedDict(_pairs(v)),
    "defaultdict": lambda v: defaultdict(_FACTORIES[v["factory"]] if v["factory"] else None, _pairs(v)),
    "Counter": lambda v: Counter(dict(_pairs(v))),
    "deque": lambda v: deque(_all(v), v["maxlen"]),
    "set": lambda v: set(_all(v)),
    "frozenset": lambda v: frozenset(_all(v)),
    "bytes": lambda v: v["data"].numpy().tobytes(),
    "bytearray": lambda v: bytearray(v["data"].numpy().tobytes()),
    "complex": lambda v: complex(*v["items"]),
    "range": lambda v: range(*v["items"]),
    "path": lambda v: Path(v["value"]),
    "ndarray": _make_array,
    "numpy": _make_array,
    "Size": _make_size,
    "dtype": _make_torch_word,
    "device": _make_torch_word,
    "enum": _make_enum,
    "namedtuple": _make_named_tuple,
}
