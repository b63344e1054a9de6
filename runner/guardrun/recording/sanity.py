"""The training side of ``guard check``: a mode that the environment asks for, and the training's answer.

``GUARDRUN_SANITY=<mode>[:<JSON options>]`` is set by the checker alone. The training answers with ``sanity``
events: a mode without that answer counts as not tried, never as passed.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

from guardrun.events.schema import SANITY
from guardrun.recording.session import brief

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardrun.recording.session import Session

ENVIRONMENT: Final = "GUARDRUN_SANITY"
PLAIN: Final = "plain"
OVERFIT: Final = "overfit"
LABELS: Final = "labels"
INPUTS: Final = "inputs"
PRECISION: Final = "precision"
BATCH_SIZE: Final = "batch_size"
DETERMINISM: Final = "determinism"
MODES: Final = (PLAIN, OVERFIT, LABELS, INPUTS, PRECISION, BATCH_SIZE, DETERMINISM)
_OF_THE_DATA: Final = frozenset((OVERFIT, LABELS, INPUTS))
"""Modes that are nothing unless the data was changed."""
_PARAMETERS_NAMED: Final = 200


class Sanity:
    """What ``run.sanity`` is under ``guard check``; a run of its own has None there."""

    __slots__ = (
        "_autocast", "_batch", "_begun", "_changed", "_models", "_session", "_start", "mode", "options",
    )  # fmt: skip

    def __init__(self, session: Session, mode: str, options: Mapping[str, Any]) -> None:
        self.mode = mode
        """plain, overfit, labels, inputs, precision, batch_size or determinism."""
        self.options = dict(options)
        self._session = session
        self._begun = False
        self._autocast: Any = None
        self._models: dict[str, Any] = {}
        self._start: dict[str, tuple[float, float]] = {}
        self._batch = 0
        self._changed: dict[str, tuple[Any, Any]] = {}
        """Of each training data set that was changed: as it was handed over, and as it was returned."""

    def __repr__(self) -> str:
        return f"<sanity mode {self.mode}>"

    @property
    def memorise(self) -> bool:
        """Whether the network is to memorise a few examples: a script then leaves out augmentation, dropout
        and weight decay.
        """
        return self.mode in (OVERFIT, LABELS)

    def acknowledge(self, **facts: Any) -> None:
        """For a script that prepares its own data: say that it trains as the mode asks."""
        self._answer(True, **facts)

    # -- called by Run

    def apply(self, name: str, obj: Any, labels: Any = None) -> Any:
        """The data set as the mode wants it; ``obj`` itself where it can't be changed, which is told."""
        from guardrun.recording.sanity_data import NotUnderstood, changed

        try:
            found = changed(name, obj, labels, self.mode, self.options)
        except Exception as error:  # a data set may do anything when it is looked at
            why = (
                brief(error)
                if isinstance(error, NotUnderstood)
                else f"{type(error).__name__}: {brief(error)}"
            )
            self._answer(self.mode not in _OF_THE_DATA, name=name, why=why)
            return obj
        self._answer(True, name=name, **found.facts)
        if found.data is not obj and self.mode in _OF_THE_DATA and name.lower().startswith("train"):
            self._changed[name] = (obj, found.data)
        return found.data

    def watch(self, objects: Mapping[str, Any]) -> None:
        """Remember the models among tracked objects: whether each of their parameters moves is looked at."""
        for name, value in objects.items():
            if hasattr(value, "named_parameters"):
                self._models[name] = value

    def begin(self) -> None:
        """Before the first step."""
        if self._begun:
            return
        self._begun = True
        try:
            if self.mode == PRECISION:
                self._reduce_precision(str(self.options.get("dtype") or "bfloat16"))
            elif self.mode not in _OF_THE_DATA:
                self._answer(True)
            self._start = {name: _sums(one) for name, one in self._parameters()}
        except Exception as error:
            self._session.trouble("the sanity mode could not begin", error)

    def takes_from(self, loader: Any) -> None:
        """Where the batches of an epoch come from: a mode that the script passes by is not acknowledged."""
        from guardrun.recording.sanity_loader import passes_by

        try:
            by = [
                name
                for name, (handed, returned) in self._changed.items()
                if passes_by(loader, handed, returned)
            ]
        except Exception as error:  # what a loader holds may do anything when it is looked at
            self._session.trouble("where the batches come from could not be told", error)
            by = []
        self._changed = {}
        for name in by:
            why = (
                f'the batches come from the script\'s own data, not from what run.data("{name}", …) returned'
            )
            self._answer(False, name=name, why=why)

    def saw_batch(self, samples: int) -> None:
        """A batch of so many examples came in."""
        self._batch = max(self._batch, samples)

    def end(self) -> None:
        """After the last step: what only this process can tell."""
        try:
            if self._autocast is not None:
                self._autocast.__exit__(None, None, None)
                self._autocast = None
            self._session.emit(
                SANITY, mode=self.mode, at="end", step=self._session.progress.step, batch=self._batch or None,
                parameters=self._moved(), **_peak_memory(),
            )  # fmt: skip
        except Exception as error:
            self._session.trouble("the sanity mode could not tell its end", error)

    # -- parts

    def _reduce_precision(self, dtype: str) -> None:
        """From here on under autocast, where the device can compute in that type."""
        device = self._device()
        try:
            self._autocast = _autocast(dtype, device)
        except Exception as error:  # each backend has errors of its own
            self._answer(False, dtype=dtype, device=device, why=f"no {dtype} on {device}: {brief(error)}")
        else:
            self._answer(True, dtype=dtype, device=device)

    def _answer(self, acknowledged: bool, **facts: Any) -> None:
        self._session.emit(SANITY, mode=self.mode, acknowledged=acknowledged, **facts)

    def _parameters(self) -> list[tuple[str, Any]]:
        several = len(self._models) > 1
        return [
            (f"{model}.{name}" if several else name, one)
            for model, module in self._models.items()
            for name, one in module.named_parameters()
        ]

    def _device(self) -> str:
        return next((one.device.type for _, one in self._parameters()), "cpu")

    def _moved(self) -> dict[str, Any] | None:
        """Which parameters are where they began, and which of them do not ask for a gradient."""
        if not self._start:
            return None
        parameters = self._parameters()
        still = [name for name, one in parameters if self._start.get(name) == _sums(one)]
        asks = {name for name, one in parameters if one.requires_grad}
        return {
            "count": len(parameters),
            "still": [name for name in still if name in asks][:_PARAMETERS_NAMED],
            "frozen": [name for name, _ in parameters if name not in asks][:_PARAMETERS_NAMED],
        }


def from_environment(session: Session) -> Sanity | None:
    """The mode that ``guard check`` asks this training for; None: none does."""
    asked = os.environ.get(ENVIRONMENT)
    if not asked:
        return None
    mode, _, text = asked.partition(":")
    try:
        options = json.loads(text) if text else {}
    except ValueError:
        options = None
    if mode not in MODES or not isinstance(options, dict):
        session.note_once(f"{ENVIRONMENT} asks for {mode!r}, which this version does not know")
        return None
    return Sanity(session, mode, options)


def _sums(parameter: Any) -> tuple[float, float]:
    """Two numbers that change when any element does, but for a coincidence or a change below rounding."""
    exact = parameter.detach().double()
    return float(exact.sum()), float(exact.square().sum())


def _autocast(dtype: str, device: str) -> Any:
    """The rest of the training under autocast. No cache: it would keep weights across steps.

    Whether the device can do it is tried: autocast itself only warns, and computes in fp32. Raises whatever
    the device says where it can't.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        raise RuntimeError("the training does not use torch")
    kind = getattr(torch, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = torch.autocast(device_type=device, dtype=kind, cache_enabled=False)
    with context:
        weight = torch.ones(2, 2, device=device, requires_grad=True)
        product = torch.mm(torch.ones(2, 2, device=device), weight)
        if product.dtype is not kind:
            raise RuntimeError(f"autocast computes in {str(product.dtype).removeprefix('torch.')}")
        torch.autograd.grad(product.float().sum(), weight)
    context.__enter__()
    return context


def _peak_memory() -> dict[str, Any]:
    """Most memory that this process held, in bytes: resident, and on its GPU where it used one."""
    found: dict[str, Any] = {"peak_host_bytes": None, "peak_gpu_bytes": None}
    try:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        found["peak_host_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    except (ImportError, OSError):
        pass
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        found["peak_gpu_bytes"] = int(torch.cuda.max_memory_reserved())
        device = torch.cuda.get_device_properties(torch.cuda.current_device())
        found["gpu_total_bytes"] = int(device.total_memory)
    return found
