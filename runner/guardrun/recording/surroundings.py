"""What only the training process knows of itself: libraries, precision, optimizers, schedulers, metrics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from guardrun.events.schema import ENV, SETTINGS
from guardrun.provenance.secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardrun.recording.session import Session

_MOST_GROUPS = 32
_MOST_ITEMS = 200
_LONGEST = 400
_NAMES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}


class _AutocastEar:
    """Hears, until it is closed, which type autocast computes in."""

    def __init__(self) -> None:
        self.heard = ""
        self._kind: Any = None
        self._original: Any = None
        self._wrapper: Any = None

    def listen(self) -> None:
        kind = getattr(sys.modules.get("torch"), "autocast", None)
        if self._kind is not None or kind is None:
            return
        original = kind.__enter__

        def enter(context: Any) -> Any:
            if getattr(context, "_enabled", False):
                self.heard = str(getattr(context, "fast_dtype", "")).removeprefix("torch.")
            return original(context)

        self._kind, self._original, self._wrapper = kind, original, enter
        kind.__enter__ = enter

    def close(self) -> None:
        if self._kind is not None and self._kind.__enter__ is self._wrapper:
            self._kind.__enter__ = self._original
        self._kind = None


def _compiled(model: Any) -> bool:
    return hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None


class Surroundings:
    """Gathers while the script sets up, and tells once it is about to train."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._objects: dict[str, Any] = {}
        self._metrics: dict[str, dict[str, str]] = {}
        self._seeds: Mapping[str, Any] | None = None
        self._autocast = _AutocastEar()
        self._scaled = False
        self._told = False
        self._environment_told = False

    def seeded(self, record: Mapping[str, Any]) -> None:
        """What run.seed() did; says at once what no seed reaches."""
        self._seeds = record
        for text in record.get("not_seeded") or ():
            self._session.tell_once(f"the seed does not reach {text}")

    def track(self, objects: Mapping[str, Any]) -> None:
        """Objects whose settings belong to the record; one that came later is told at once."""
        self._objects.update(objects)
        for value in objects.values():
            self._scaled = self._scaled or (hasattr(value, "get_scale") and hasattr(value, "unscale_"))
        if self._told:
            self._tell_settings()
        if not self._environment_told:
            self._autocast.listen()

    def define(self, definitions: Mapping[str, Any]) -> None:
        """What metrics mean: a text, or the function that computes them."""
        from guardrun.events.names import canonical_metric
        from guardrun.provenance.preprocessing import describe

        for name, definition in definitions.items():
            told = {"text": definition} if isinstance(definition, str) else describe(definition)
            self._metrics[canonical_metric(str(name))] = dict(told)
        if self._told:
            self._tell_settings()

    def tell(self) -> None:
        """Before the first step: the settings, and what was imported too late to be seeded. Never raises."""
        if self._told:
            return
        self._told = True
        session = self._session
        try:
            self._tell_settings()
            for name in _late(self._seeds):
                session.tell_once(
                    f"{name} was imported after run.seed() and is not seeded: seed after the imports"
                )
        except Exception as error:
            session.trouble("the settings could not be recorded", error)

    def tell_environment(self) -> None:
        """After the first step, when precision and devices are known. Once; never raises."""
        if self._environment_told:
            return
        self._environment_told = True
        self.close()
        try:
            self._tell_environment()
        except Exception as error:
            self._session.trouble("the environment could not be recorded", error)

    def close(self) -> None:
        """Give back what was borrowed from torch."""
        self._autocast.close()

    # -- the environment

    def _tell_environment(self) -> None:
        torch = sys.modules.get("torch")
        if torch is None:
            return
        cudnn = torch.backends.cudnn
        started = torch.cuda.is_initialized()
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if started else []
        self._session.emit(
            ENV, torch=str(torch.__version__), cuda=torch.version.cuda, gpus=names,
            cudnn=cudnn.version() if started and cudnn.is_available() else None,
            threads=torch.get_num_threads(), tf32=bool(torch.backends.cuda.matmul.allow_tf32),
            precision=self._precision(),
        )  # fmt: skip

    def _precision(self) -> str | None:
        """``fp32``, ``bf16``, ``fp16-mixed`` …; None where it can't be known: no tracked model, or one whose
        autocast may be within what torch.compile made of it.
        """
        if self._autocast.heard:
            return f"{_NAMES.get(self._autocast.heard, self._autocast.heard)}-mixed"
        if self._scaled:
            return "fp16-mixed"
        models = [one for one in self._objects.values() if callable(getattr(one, "parameters", None))]
        if not models or any(_compiled(one) for one in models):
            return None
        name = str(next(iter(models[0].parameters())).dtype).removeprefix("torch.")
        return _NAMES.get(name, name)

    # -- the settings

    def _tell_settings(self) -> None:
        optimizers: dict[str, Any] = {}
        schedulers: dict[str, Any] = {}
        models: dict[str, Any] = {}
        for name, value in self._objects.items():
            if isinstance(getattr(value, "param_groups", None), list):
                optimizers[name] = _optimizer(value)
            elif hasattr(value, "get_last_lr") or hasattr(value, "last_epoch"):
                schedulers[name] = _scheduler(value)
            elif callable(getattr(value, "parameters", None)):
                models[name] = _model(value)
        if optimizers or schedulers or models or self._metrics:
            self._session.emit(
                SETTINGS, optimizers=optimizers, schedulers=schedulers, models=models,
                metric_definitions=self._metrics,
            )  # fmt: skip


def _late(seeds: Mapping[str, Any] | None) -> list[str]:
    if seeds is None:
        return []
    return [name for name in ("numpy", "torch") if seeds.get(name) is None and name in sys.modules]


def _optimizer(optimizer: Any) -> dict[str, Any]:
    groups = [
        {**{str(key): plain(value) for key, value in group.items() if key != "params"},
         "parameters": sum(int(p.numel()) for p in group["params"]), "tensors": len(group["params"])}
        for group in optimizer.param_groups[:_MOST_GROUPS]
    ]  # fmt: skip
    return {"type": _type(optimizer), "groups": groups, "group_count": len(optimizer.param_groups)}


def _scheduler(scheduler: Any) -> dict[str, Any]:
    """Its state, without what it refers to; schedulers within it (SequentialLR) each with their own."""
    inner = getattr(scheduler, "_schedulers", None)
    try:
        state = scheduler.state_dict()
    except Exception:
        state = {}
    told = {str(key): plain(value) for key, value in state.items() if key not in ("_schedulers", "optimizer")}
    found: dict[str, Any] = {"type": _type(scheduler), "state": told}
    if isinstance(inner, list):
        found["schedulers"] = [_scheduler(one) for one in inner[:_MOST_GROUPS]]
    return found


def _model(model: Any) -> dict[str, Any]:
    total = trained = 0
    kinds: dict[str, int] = {}
    for parameter in model.parameters():
        count = int(parameter.numel())
        total += count
        trained += count if parameter.requires_grad else 0
        name = str(parameter.dtype).removeprefix("torch.")
        kinds[name] = kinds.get(name, 0) + count
    return {"type": _type(model), "parameters": total, "trainable": trained, "dtypes": kinds}


def _type(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def plain(value: Any, depth: int = 0) -> Any:
    """As JSON holds it: numbers, short texts, small lists and mappings; anything else by its type."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return without_secrets(value)[:_LONGEST]
    if depth < 4 and isinstance(value, dict):
        return {str(key): plain(one, depth + 1) for key, one in list(value.items())[:_MOST_ITEMS]}
    if depth < 4 and isinstance(value, list | tuple | set | frozenset):
        return [plain(one, depth + 1) for one in list(value)[:_MOST_ITEMS]]
    if getattr(value, "numel", lambda: 0)() == 1:
        return plain(value.item(), depth + 1)  # a learning rate kept as a tensor
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else _type(value)
