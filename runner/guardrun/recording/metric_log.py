"""``run.log``: from keyword arguments to one line on the disk, in a few microseconds."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from guardrun.events.encode import nonfinite_word
from guardrun.events.names import canonical_metric
from guardrun.events.schema import METRICS, NOTE
from guardrun.recording.deferred import DeferredRing
from guardrun.recording.values import SKIP, OnDevice, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardrun.recording.session import Session

_RESERVED = frozenset(("t", "seq", "kind"))


class _Names(dict[str, str]):
    """Raw name -> stored name, worked out once a name. A rename is told as soon as it happens."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.tests: set[str] = set()
        """Raw names of metrics of the test split."""
        self._session = session

    def __missing__(self, raw: Any) -> str:
        stored = canonical_metric(raw if type(raw) is str else str(raw))
        if stored in _RESERVED:
            stored = f"metric/{stored}"
        if stored != raw:
            text = f"{raw} is stored as {stored}"
            self._session.writer.emit(NOTE, {"text": text, "renamed": {str(raw): stored}})
        self[raw] = stored
        if stored.startswith("test/"):
            self.tests.add(raw)
        return stored


def _whole(step: Any) -> int:
    """A step as a plain int: NumPy's and tensors' too. Raises TypeError for what is no number."""
    return int(step)


def _shape(value: Any) -> tuple[Any, ...] | None:
    """An array's shape, for a remark; the attributes of other objects may do anything when looked at."""
    try:
        return tuple(value.shape)
    except Exception:
        return None


class MetricLog:
    """Writes metrics events. ``meter`` adds what guard measures itself, once a step."""

    def __init__(self, session: Session, ring: DeferredRing | None = None) -> None:
        self.names = _Names(session)
        self.meter: Callable[[dict[str, Any]], Iterable[tuple[str, Any]]] | None = None
        """Set while a step's own values (times, lr, norms) wait to be written; takes the event to add to, and
        returns what may not be a plain number yet."""
        self.before_first: Callable[[], None] | None = None
        """Called once before the next event: a resume is told before its first step."""
        self.on_test: Callable[[str, str, int], None] | None = None
        """Called with name, "metric" and step whenever a metric of the test split is logged."""
        self._session = session
        self._progress = session.progress
        self._write = session.writer.write_ready
        self._ring = ring or DeferredRing()

    def log(self, values: dict[str, Any], step: int | None) -> None:
        """One metrics event of these values. Numbers on a device follow in an event of their own."""
        progress = self._progress
        metered = False
        if step is None:
            if progress.in_steps:
                step = progress.step_in_body
                metered = True
            else:
                step = self._next_step(values)
        else:
            if type(step) is not int:
                step = _whole(step)
            metered = step == progress.step_in_body
            if progress.logged_steps is not None:
                progress.step, progress.logged_steps = step, 0
        event = {"t": time(), "seq": 0, "kind": METRICS, "step": step, "epoch": progress.epoch}
        if self.before_first is not None:
            self._begin()
        names = self.names
        later: list[tuple[str, Any]] | None = None
        for raw, value in values.items():
            if type(value) is float:
                event[names[raw]] = value if value - value == 0.0 else nonfinite_word(value)
            else:
                later = self._odd(event, names[raw], value, later)
        if names.tests and self.on_test is not None and not names.tests.isdisjoint(values):
            self.on_test("test", "metric", step)
        if self.meter is not None and (metered or not progress.in_steps):
            later = self._add_metered(event, later)
        if later is not None:
            self._defer(event, later)
            if len(event) == 5:
                return
        self._write(event)

    def write_metered(self, step: int) -> None:
        """The values of a step that the script did not log anything in."""
        event = {"t": time(), "seq": 0, "kind": METRICS, "step": step, "epoch": self._progress.epoch}
        later = self._add_metered(event, None)
        if later is not None:
            self._defer(event, later)
        if len(event) > 5:
            self._write(event)

    def poll(self) -> None:
        """Write what has arrived from a device meanwhile."""
        if self._ring.waiting:
            self._guarded(self._ring.poll)

    def flush(self) -> None:
        """Wait for everything on its way from a device, and write it."""
        if self._ring.waiting:
            self._guarded(self._ring.flush)

    # -- the slow paths

    def _next_step(self, values: dict[str, Any]) -> int:
        """In a plain loop a step begins when a name is logged that this step already has.

        Between the loops of run.steps a number belongs to the step completed last.
        """
        progress = self._progress
        if progress.logged_steps is None:
            return progress.step
        if progress.seen and values.keys().isdisjoint(progress.seen):
            progress.seen += tuple(values)
        else:
            progress.seen = tuple(values)
            progress.step += 1
            progress.logged_steps += 1
        return progress.step

    def _begin(self) -> None:
        begin, self.before_first = self.before_first, None
        if begin is not None:
            begin()

    def _odd(
        self, event: dict[str, Any], name: str, value: Any, later: list[tuple[str, Any]] | None
    ) -> list[tuple[str, Any]] | None:
        found = plain(value)
        if type(found) is OnDevice:
            later = [] if later is None else later
            later.append((name, found.tensor))
        elif found is not SKIP:
            event[name] = found
        elif value is not None:
            kind = type(value).__name__
            shape = _shape(value)
            of = f" of shape {shape}" if shape is not None else ""
            self._session.note_once(f"{name} is not logged: a {kind}{of} is not one number")
        return later

    def _add_metered(
        self, event: dict[str, Any], later: list[tuple[str, Any]] | None
    ) -> list[tuple[str, Any]] | None:
        meter, self.meter = self.meter, None
        try:
            for name, value in meter(event) if meter is not None else ():
                if value is None or name in event:
                    continue  # the script's own number is the one it wants to see
                if type(value) is float:
                    event[name] = value if value - value == 0.0 else nonfinite_word(value)
                else:
                    later = self._odd(event, name, value, later)
        except Exception as error:
            self._session.trouble("a step's own values could not be measured", error)
        return later

    def _defer(self, event: dict[str, Any], later: list[tuple[str, Any]]) -> None:
        head = dict(list(event.items())[:5])

        def deliver(values: dict[str, float]) -> None:
            found = {k: v if v - v == 0.0 else nonfinite_word(v) for k, v in values.items()}
            self._write({**head, **found})

        devices: dict[Any, list[tuple[str, Any]]] = {}
        for name, tensor in later:
            devices.setdefault(tensor.device, []).append((name, tensor))
        for group in devices.values():
            names, tensors = [name for name, _ in group], [tensor for _, tensor in group]
            self._guarded(lambda n=names, t=tensors: self._ring.push(n, t, deliver))  # type: ignore[misc]

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # a device in an error state: the training will say so itself
            self._session.trouble("values on a device could not be read", error)
