"""``run.epochs`` and ``run.steps``: the training's loops, with what happens between their turns."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.schema import PHASE
from guardrun.recording.meter import Meter, batch_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardrun.recording.boundaries import Boundaries
    from guardrun.recording.gradients import GradientWatch
    from guardrun.recording.metric_log import MetricLog
    from guardrun.recording.saving import Saver
    from guardrun.recording.session import Session


class Loops:
    """Makes the generators behind run.epochs and run.steps."""

    def __init__(
        self,
        session: Session,
        log: MetricLog,
        saver: Saver,
        boundaries: Boundaries,
        gradients: GradientWatch,
        meter: Meter,
    ) -> None:
        self.measuring = False
        """The step in progress has an event of guard's own values to come."""
        self._session = session
        self._log = log
        self._saver = saver
        self._boundaries = boundaries
        self._gradients = gradients
        self._meter = meter
        self._in_epochs = False
        self.begun = 0
        """Loops of run.steps so far."""
        self._newest = object()
        """Stands for the loop of run.steps that was begun last."""

    @property
    def active(self) -> bool:
        """Within run.epochs: there will be a boundary at the end of the epoch's body."""
        return self._in_epochs

    # -- epochs

    def epochs(self, count: int) -> Iterator[int]:
        """The numbers of the epochs still to be trained, from 0, or from where a resume goes on."""
        session, progress = self._session, self._session.progress
        progress.total_epochs = count
        budget = session.config["budget"].get("epochs")
        limit = count if budget is None else min(count, int(budget))
        self._saver.begin_epochs()
        self._in_epochs = True
        try:
            for epoch in range(progress.epoch, limit):
                progress.epoch = epoch
                session.emit(PHASE, phase="train", epoch=epoch, total_epochs=count)
                yield epoch
                self._end_epoch(epoch + 1 == limit < count, last=self._due(epoch, limit))
        finally:
            self._in_epochs = False

    def _end_epoch(self, out_of_budget: bool, *, last: bool) -> None:
        self._session.evaluating = False
        self._saver.end_epoch()
        self._boundaries.after_epoch(last=last or out_of_budget)
        if out_of_budget:
            self._boundaries.leave_for("budget:epochs")

    def _due(self, epoch: int, limit: int) -> bool:
        every = self._session.config["checkpoint"].get("every_epochs")
        return bool(every and (epoch + 1) % int(every) == 0) or epoch + 1 == limit

    # -- steps

    def steps(
        self,
        loader: Any,
        accumulate: int,
        samples: Any,
        tokens: Any,
        log_every: int,
        total: int | None,
    ) -> Iterator[Any]:
        """The batches of one epoch; see Run.steps."""
        if accumulate < 1 or log_every < 1:
            raise UserError("run.steps takes accumulate and log_every of at least 1")
        self._session.evaluating = False
        progress = self._session.progress
        progress.count_by_loops()
        self._boundaries.before_steps()
        length = self._announce(loader, accumulate, total)
        if self._meter.sanity is not None:
            self._meter.sanity.takes_from(loader)
        self._meter.begin()
        begun = perf_counter()
        iterator = self._saver.begin_epoch(progress.epoch, loader)
        taken = self._saver.batches_before
        micro = taken % accumulate
        stepped = self._gradients.steps
        loop = self._newest = object()
        self.begun += 1
        try:
            while True:
                try:
                    batch = next(iterator)
                except StopIteration:
                    break
                self._saver.advance()
                micro += 1
                taken += 1
                self._meter.fetched(
                    perf_counter() - begun,
                    batch_size(batch) if samples is None else _count(samples, batch),
                    0 if tokens is None else _count(tokens, batch),
                )
                self._enter_body(micro == accumulate, log_every)
                yield batch
                progress.in_steps = False
                if micro == accumulate:
                    micro = 0
                    self._complete_step(ends_epoch=self._in_epochs and taken == length)
                    stepped = self._gradients.steps
                begun = perf_counter()
        except GeneratorExit:
            # Left by break behind its step. A notebook's last traceback may close an old loop much later.
            if loop is self._newest and micro == accumulate and self._gradients.steps > stepped:
                progress.step += 1
            raise
        finally:
            progress.in_steps = self.measuring = False
            self._log.meter = None
        if micro and self._gradients.steps > stepped:  # the script stepped on an incomplete accumulation
            self._enter_body(True, log_every)
            progress.in_steps = False
            self._complete_step(ends_epoch=self._in_epochs)
        self._end_steps()

    def _enter_body(self, completes: bool, log_every: int) -> None:
        progress = self._session.progress
        progress.step_in_body = progress.step + 1
        progress.in_steps = True
        if completes:
            self._meter.steps += 1
            if progress.step_in_body % log_every == 0:
                self.measuring = True
                self._log.meter = self._meter.measure

    def _complete_step(self, *, ends_epoch: bool) -> None:
        """The body that completed an optimizer step is over."""
        progress = self._session.progress
        progress.step += 1
        if self.measuring:
            self.measuring = False
            if self._log.meter is None and self._gradients.fresh:
                self._log.meter = self._meter.measure_norm
            if self._log.meter is not None:
                self._log.write_metered(progress.step)
        self._boundaries.after_step(ends_epoch=ends_epoch)

    def _end_steps(self) -> None:
        session = self._session
        self._boundaries.out_of_batches()
        session.evaluating = self._in_epochs and session.cuttable
        session.emit(PHASE, phase="eval", epoch=session.progress.epoch, discardable=session.evaluating)
        if not self._in_epochs:
            every = session.config["checkpoint"].get("every_epochs")
            session.progress.epoch += 1
            self._boundaries.epoch_due = bool(every and session.progress.epoch % int(every) == 0)
            self._saver.end_epoch()

    def _announce(self, loader: Any, accumulate: int, total: int | None) -> int | None:
        """Tell how long it will be, as far as the loader knows its length in batches, which is returned."""
        progress = self._session.progress
        if total is None:
            try:
                total = len(loader)
            except Exception:  # no length, or none that is known yet: torch and scripts raise all sorts
                total = None
        fields: dict[str, int] = {"accumulate": accumulate}
        if total is not None:
            fields["steps_per_epoch"] = per_epoch = max(1, total // accumulate)
            if progress.total_epochs is not None:
                progress.total_steps = per_epoch * progress.total_epochs
        budget = self._session.config["budget"].get("steps")
        if budget is not None:
            progress.total_steps = min(int(budget), progress.total_steps or int(budget))
        if progress.total_steps is not None:
            fields["total_steps"] = progress.total_steps
        if progress.total_epochs is not None:
            fields["total_epochs"] = progress.total_epochs
        self._session.emit(PHASE, phase="train", epoch=progress.epoch, **fields)
        return total


def _count(count: Any, batch: Any) -> int:
    return int(count(batch)) if callable(count) else int(count)
