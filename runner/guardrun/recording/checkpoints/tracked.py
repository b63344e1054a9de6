"""The objects a checkpoint holds: model, optimizer, scheduler, scaler, anything with a state_dict."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.recording.checkpoints.finite import first_nonfinite, tensors_in
from guardrun.recording.checkpoints.reduction import expand_state, reduce_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHARDED = frozenset(
    ("FullyShardedDataParallel", "FSDPModule", "DeepSpeedEngine", "ZeroRedundancyOptimizer", "DTensor")
)
_WRAPPERS = frozenset(("DistributedDataParallel", "DataParallel"))


class Tracked:
    """Named objects whose state is saved and restored together.

    Wrappers are looked through (DistributedDataParallel, DataParallel, torch.compile), on the way out and on
    the way in: a checkpoint of a wrapped model fits the bare one and the other way round.
    """

    __slots__ = ("_objects",)

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._objects)

    @property
    def names(self) -> list[str]:
        return list(self._objects)

    def add(self, name: str, value: Any) -> None:
        """Track ``value`` under ``name``; a second one of that name takes its place.

        Raises UserError when it has no state_dict/load_state_dict, is sharded (FSDP, DeepSpeed, ZeRO), or
        holds a value that can't be kept: at once, not at the first checkpoint.
        """
        lacking = [
            part for part in ("state_dict", "load_state_dict") if not callable(getattr(value, part, None))
        ]
        if lacking:
            raise UserError(
                f"cannot track {name}: {type(value).__name__} has no {' and no '.join(lacking)}",
                hint="track objects that have both; plain numbers belong into one of them",
            )
        sharded = _sharded_part(value)
        if sharded:
            raise UserError(
                f"cannot track {name}: {sharded} is sharded over the ranks; guard does not save shards yet",
                hint="save it with torch.distributed.checkpoint in your script, and tell guard of the files "
                "with run.register_checkpoint(path, metrics=...)",
            )
        reduce_state(_state_of(value), (name,))
        self._objects[name] = value

    def capture(self) -> dict[str, Any]:
        """The state of every object as tensors and plain Python. Tensors are shared, not copied.

        Raises UserError naming object and key path of a value that can't be kept.
        """
        return {name: reduce_state(_state_of(value), (name,)) for name, value in self._objects.items()}

    def kinds(self) -> dict[str, dict[str, Any]]:
        """What a reader of the file needs to judge it: which states are models, and their constants."""
        return {
            name: {"kind": "module", "constants": _constants(value)}
            if _is_module(value)
            else {"kind": "other"}
            for name, value in self._objects.items()
        }

    def restore(self, states: Mapping[str, Any], names: Iterable[str] | None = None) -> list[str]:
        """Load the states into the objects (only ``names``, when given); what has no counterpart, in words.

        Raises UserError when an object refuses its state.
        """
        problems = []
        for name in self.names if names is None else names:
            if name not in states:
                problems.append(f"the checkpoint has no state for {name}: it starts anew")
                continue
            try:
                _load_into(self._objects[name], expand_state(states[name]))
            except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
                raise UserError(
                    f"the checkpoint's {name} does not fit this script's: {_brief(error)}",
                    hint="resume with the code and configuration that made the checkpoint",
                ) from error
        return problems

    def nonfinite(self) -> str | None:
        """What is not finite in a tracked model, in words (see first_nonfinite); None when all is well."""
        for name, value in self._objects.items():
            if _is_module(value):
                found = first_nonfinite(_state_of(value), frozenset(_constants(value)))
                if found:
                    return f"{name}.{found}"
        return None

    def estimate_bytes(self) -> int:
        """Bytes that a checkpoint will have: tensors now, and two moments for an optimizer without state."""
        total = state_bytes(self.capture()) if self else 0
        for value in self._objects.values():
            groups = getattr(value, "param_groups", None)
            if groups and not getattr(value, "state", True):
                total += 2 * sum(
                    one.numel() * one.element_size() for group in groups for one in group["params"]
                )
        return total


def state_bytes(state: Any) -> int:
    """Bytes of all tensors in a reduced state, shared storage counted once."""
    seen: dict[int, int] = {}
    for _, tensor in tensors_in(state):
        if tensor.layout is sys.modules["torch"].strided:
            storage = tensor.untyped_storage()
            seen[storage.data_ptr() or id(tensor)] = storage.nbytes()
        else:
            seen[id(tensor)] = tensor.element_size() * tensor._nnz()
    return sum(seen.values())


def unwrap(value: Any) -> Any:
    """The object inside DistributedDataParallel, DataParallel and torch.compile, however they are nested."""
    while True:
        if hasattr(value, "_orig_mod"):
            value = value._orig_mod
        elif type(value).__name__ in _WRAPPERS and hasattr(value, "module"):
            value = value.module
        else:
            return value


def _is_module(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _state_of(value: Any) -> Any:
    state = unwrap(value).state_dict()
    if not _is_module(value):
        return state
    bare = OrderedDict((_bare_key(key), one) for key, one in state.items())
    metadata = getattr(state, "_metadata", None)
    if metadata is not None:
        bare._metadata = OrderedDict(  # type: ignore[attr-defined]
            (_bare_key(key), dict(one)) for key, one in metadata.items()
        )
    return bare


def _load_into(value: Any, state: Any) -> None:
    inner = unwrap(value)
    if _is_module(value):
        live = {_bare_key(key): key for key in inner.state_dict()}
        renamed = OrderedDict((live.get(key, key), one) for key, one in state.items())
        metadata = getattr(state, "_metadata", None)
        if metadata is not None:
            modules = {_bare_key(name): name for name, _ in inner.named_modules()}
            renamed._metadata = OrderedDict(  # type: ignore[attr-defined]
                (modules.get(key, key), one) for key, one in metadata.items()
            )
        state = renamed
    inner.load_state_dict(state)


def _bare_key(key: str) -> str:
    """A parameter's name without the layer that torch.compile puts around a submodule."""
    return ".".join(part for part in key.split(".") if part != "_orig_mod")


def _constants(value: Any) -> list[str]:
    inner = unwrap(value)
    names = [name for name, _ in inner.named_buffers()]
    names += [name for name, parameter in inner.named_parameters() if not parameter.requires_grad]
    return sorted(map(_bare_key, names))


def _sharded_part(value: Any) -> str | None:
    parts: list[Any] = [value]
    if _is_module(value):
        parts += [*value.modules(), *value.parameters()]
    for group in getattr(value, "param_groups", None) or ():
        parts += group["params"]
    for part in parts:
        for kind in type(part).__mro__:
            if kind.__name__ in _SHARDED or kind.__module__.split(".")[0] == "deepspeed":
                return kind.__name__
    return None


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 400 else f"{text[:400]}…"
