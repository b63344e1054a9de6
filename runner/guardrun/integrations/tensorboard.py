"""What a script's SummaryWriter writes is recorded as well: ``guardrun.integrations.tensorboard.mirror()``.

Works with ``torch.utils.tensorboard`` and tensorboardX, without a change to the script's own calls.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from guardrun.errors import UserError
from guardrun.events.names import canonical_metric
from guardrun.events.schema import EVAL
from guardrun.integrations.joining import NeedsPackage
from guardrun.reading.foreign.naming import stored_name
from guardrun.recording.session import brief, say
from guardrun.recording.starting import current_run, start
from guardrun.recording.values import SKIP, OnDevice, plain

if TYPE_CHECKING:
    from types import TracebackType

    from guardrun.recording.run import Run

_PACKAGES: Final = ("torch.utils.tensorboard", "tensorboardX")
_SCALAR: Final = ("tag", "scalar_value", "global_step")
_SCALARS: Final = ("main_tag", "tag_scalar_dict", "global_step")
_open: list[Mirror] = []
"""The newest is the one that hears."""
_replaced: list[tuple[type, str, Any, Any]] = []
"""Of each method of ours: its class, its name, the original, ours."""


def mirror(**start_arguments: Any) -> Mirror:
    """Record every ``add_scalar`` and ``add_scalars`` from now on, as metrics of the script's run.

    A script without ``guardrun.start()`` gets a run of its own at the first of them, begun with these
    arguments (a mistake in them is told then, and nothing is recorded). Use it as ``with mirror():``, or call
    ``close()``, to have the writers as they were; else it lasts as long as the process, or until the next
    mirror(). Raises NeedsPackage where there is no such writer.
    """
    return Mirror(start_arguments)


class Mirror:
    """Hears what the methods of every SummaryWriter are called with, and never raises into them."""

    def __init__(self, start_arguments: dict[str, Any]) -> None:
        self._start = start_arguments
        self._own: weakref.ref[Run] | None = None
        self._seen_others = False
        self._told: set[str] = set()
        self._failed = False
        for writer in _writers():
            _listen(writer, "add_scalar", _SCALAR)
            _listen(writer, "add_scalars", _SCALARS)
        _open.append(self)

    @property
    def run(self) -> Run | None:
        """The run that is recorded into: the script's, else one of the mirror's; None once it has ended."""
        return self._run()

    @property
    def should_stop(self) -> bool:
        """Whether the loop is to end now; to be asked after each step, on every rank."""
        run = self._run()
        return run is not None and run.should_stop

    def close(self) -> None:
        """The writers' own methods again; the run stays open."""
        if self in _open:
            _open.remove(self)
        if not _open:
            _leave()

    def __enter__(self) -> Mirror:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- parts

    def _take(self, given: Mapping[str, Any], parameters: tuple[str, str, str]) -> None:
        """Whatever goes wrong here is told once: the script only wanted to write its log."""
        try:
            tag, value, step = (given.get(name) for name in parameters)
            values = {str(tag): value}
            if parameters is _SCALARS:
                values = {f"{tag}/{part}": one for part, one in dict(value or {}).items()}
            run = self._run()
            if run is not None:
                self._record(run, values, None if step is None else int(step))
        except Exception as error:
            if not self._failed:
                self._failed = True
                hint = f" ({error.hint})" if isinstance(error, UserError) and error.hint else ""
                say(f"not everything that SummaryWriter writes is recorded: {brief(error)}{hint}")

    def _run(self) -> Run | None:
        """The script's run, else one of ours; none once the script has ended its own."""
        run = current_run()
        if run is not None:
            self._seen_others |= self._own is None
            return run
        if self._own is not None or self._seen_others:
            return None
        run = start(**self._start)
        self._own = weakref.ref(run)
        run._saver.ensure_told()
        return run

    def _record(self, run: Run, values: Mapping[str, Any], step: int | None) -> None:
        named = {self._name(run, tag): value for tag, value in values.items()}
        progress = run._session.progress
        if self._own is None or self._own() is not run:
            counted = progress.step, progress.logged_steps, progress.seen
            run.log(named, step=progress.now() if step is None else step)
            progress.step, progress.logged_steps, progress.seen = (
                counted  # the script counts its steps itself
            )
            return
        measured = {n: one for n, one in named.items() if n.startswith(("val/", "test/"))}
        trained = {n: one for n, one in named.items() if n not in measured}
        if trained:
            before = progress.step
            run.log(trained, step=step)
            progress.step = max(before, progress.step)  # another writer may count in epochs
        if measured:
            self._evaluated(run, measured, progress.step if step is None else step)

    def _evaluated(self, run: Run, measured: dict[str, Any], step: int) -> None:
        """Each tag comes alone: the monitored one decides, the others stand beside it."""
        session = run._session
        if session.monitor in measured:
            run._evaluations.take(measured, step)
            return
        numbers = {name: _number(value) for name, value in measured.items()}
        kept = {name: number for name, number in numbers.items() if number is not SKIP}
        if kept:
            session.emit(EVAL, step=step, epoch=session.progress.epoch, **kept, improved=False)

    def _name(self, run: Run, tag: str) -> str:
        stored = stored_name(tag)
        if stored != tag and tag not in self._told and stored != canonical_metric(tag):
            run._session.note(f"{tag} is stored as {stored}", renamed={tag: stored})
        self._told.add(tag)
        return stored


def _listen(writer: type, name: str, parameters: tuple[str, str, str]) -> None:
    original = getattr(writer, name)
    if any(ours is original for *_, ours in _replaced):
        return

    @functools.wraps(original)
    def add(itself: Any, *args: Any, **named: Any) -> Any:
        found = original(itself, *args, **named)
        if _open:
            _open[-1]._take({**dict(zip(parameters, args, strict=False)), **named}, parameters)
        return found

    setattr(writer, name, add)
    _replaced.append((writer, name, original, add))


def _leave() -> None:
    """Where somebody else has wrapped ours since, it stays and does nothing."""
    for writer, name, original, ours in _replaced:
        if writer.__dict__.get(name) is ours:
            setattr(writer, name, original)
    _replaced.clear()


def _number(value: Any) -> Any:
    found = plain(value)
    if type(found) is OnDevice:
        found = plain(found.tensor.item())
    words = ("NaN", "Infinity", "-Infinity")
    return found if isinstance(found, int | float) or found in words else SKIP


def _writers() -> list[type]:
    """The SummaryWriter of each package that is installed."""
    found: list[type] = []
    problem: ImportError = ImportError("neither torch.utils.tensorboard nor tensorboardX can be imported")
    for package in _PACKAGES:
        try:
            if importlib.util.find_spec(package.partition(".")[0]) is not None:
                found.append(importlib.import_module(package).SummaryWriter)
        except ImportError as error:
            problem = error
    if not found:
        raise NeedsPackage("tensorboard", problem)
    return found
