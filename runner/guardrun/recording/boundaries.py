"""What happens between two optimizer steps: commands, budgets, checkpoints, agreement, the stop."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.schema import PHASE
from guardrun.recording.ranks import Agreement, distributed_ready, make_agreement
from guardrun.recording.stopping import StopRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from guardrun.recording.metric_log import MetricLog
    from guardrun.recording.saving import Saver
    from guardrun.recording.session import Session
    from guardrun.recording.stopping import Control, StopWish


class Boundaries:
    """The only place where training stops and checkpoints are written."""

    def __init__(
        self, session: Session, log: MetricLog, saver: Saver, wish: StopWish, control: Control
    ) -> None:
        self.seen = False
        """Training has come to a boundary, so that a stop will be seen at the next one."""
        self.at_first: Callable[[], None] | None = None
        """Called once, at the first boundary."""
        self.at_second: Callable[[], None] | None = None
        """Called once, at the second: after a step."""
        self.hooks: list[Callable[..., Any]] = []
        self.epoch_due = False
        """An epoch ended outside of run.epochs: its checkpoint waits for the evaluation that may follow."""
        self._session = session
        self._log = log
        self._saver = saver
        self._wish = wish
        self._control = control
        budget, checkpoint = session.config["budget"], session.config["checkpoint"]
        self._seconds = _limit(budget.get("time"))
        self._steps = budget.get("steps")
        self._every = checkpoint.get("every_steps")
        self._agreement: Agreement | None = None
        self._agreement_tried = False
        self._left = False

    # -- boundaries

    def after_step(self, *, ends_epoch: bool = False) -> None:
        """After each optimizer step in run.steps. Raises StopRun once all ranks leave.

        Where the step ``ends_epoch`` and nothing presses, training leaves after the epoch's evaluation
        instead: a resume would otherwise begin with an epoch that has no batches left.
        """
        self._look()
        step = self._session.progress.step
        save = self._agree(step)
        if self._steps is not None and step >= self._steps:
            self._wish.ask("budget:steps")
            self._wish.agree()
        if self._wish.agreed:
            if not (ends_epoch and self._wish.can_wait and not distributed_ready()):
                self.leave()
            return
        self._save_if_due(save, step)

    def before_steps(self) -> None:
        """Before the first batch of an epoch: nothing is pending, and one rank alone may leave here."""
        due, self.epoch_due = self.epoch_due, False
        self._look()
        self._leave_alone()
        self._saver.at_boundary(last=due)

    def after_epoch(self, *, last: bool) -> None:
        """After an epoch's whole body. Raises StopRun when training ends here."""
        self._look()
        if self._agreement is not None:
            common = self._agreement.outcome()
            if common is not None and common.stop:
                self._wish.agree(common.stop)
        if self._wish.agreed:
            self.leave()
        self._leave_alone()
        self._saver.at_boundary(last=last)

    def out_of_batches(self) -> None:
        """This rank's loop is over; others may still be at it."""
        if self._agreement is not None:
            self._agreement.out_of_batches(self._wish.code(), self._session.progress.step)

    def should_stop(self) -> bool:
        """The boundary of a loop of the script's own: True when it is to end now."""
        progress = self._session.progress
        if progress.in_steps:
            self._control.poll()
            return False  # run.steps itself leaves at the end of this body
        if self._left:
            return True
        self._look()
        save = self._agree(progress.step)
        if self._steps is not None and progress.step >= self._steps:
            self._wish.ask("budget:steps")
            self._wish.agree()
        if not self._wish.agreed:
            self._save_if_due(save, progress.step)
            return False
        self._prepare_to_leave()
        return True

    def leave(self) -> None:
        """Save, call the hooks and leave. Raises StopRun."""
        self._prepare_to_leave()
        raise StopRun(self._wish.reason)

    def leave_for(self, reason: str) -> None:
        """Leave for a reason that every rank meets at the same step by itself. Raises StopRun."""
        self._wish.ask(reason)
        self._wish.agree()
        self.leave()

    def leave_evaluation(self) -> None:
        """A stop that did not wait has cut an evaluation: ``last`` stays what it was, for the rest of the
        epoch's body, which a resume runs anew, was run in part."""
        if self._wish.cut:
            self._wish.agree()
            self._prepare_to_leave(save=False)

    # -- parts

    def _save_if_due(self, asked: bool, step: int) -> None:
        """``last`` where its time has come or somebody asked for it."""
        done = self._saver.at_boundary(last=asked or bool(self._every and step % self._every == 0))
        if asked:
            done = self._saver.settle() and done
            self._control.saved(done, self._saver.problem)

    def _look(self) -> None:
        if not self.seen:
            self.seen = True
            if self.at_first is not None:
                self.at_first()
            if not self.hooks:
                self._saver.ensure_told()
        elif self.at_second is not None:
            call, self.at_second = self.at_second, None
            call()
        self._log.poll()
        self._control.poll()
        if self._seconds is not None and self._session.progress.elapsed_s() >= self._seconds:
            self._wish.ask("budget:time")

    def _agree(self, step: int) -> bool:
        """Settle with the other ranks whether to stop; whether all save a checkpoint now."""
        if self._agreement is None:
            if self._agreement_tried or not distributed_ready():
                return self._alone()
            self._agreement_tried = True
            self._make_agreement()
            if self._agreement is None:
                return self._alone()
        save, self._control.save_wanted = self._control.save_wanted, False
        common = self._agreement.exchange(self._wish.code(), step, int(save))
        if self._agreement.broken:
            self._session.tell(f"the ranks no longer agree on stops: {self._agreement.broken}")
            self._agreement = None
            return self._alone()
        if common is not None and common.stop:
            self._wish.agree(common.stop)
        return common is not None and bool(common.save)

    def _alone(self) -> bool:
        if self._wish.reason:
            self._wish.agree()
        save, self._control.save_wanted = self._control.save_wanted, False
        return save

    def _make_agreement(self) -> None:
        restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        made = make_agreement(f"{self._session.ordinal}-{restart}")
        if isinstance(made, Agreement):
            self._agreement = made
        else:
            self._session.tell(made)

    def _leave_alone(self) -> None:
        """Leave where no other rank has to be asked."""
        if self._wish.reason and not distributed_ready():
            self._wish.agree()
            self.leave()

    def _prepare_to_leave(self, *, save: bool = True) -> None:
        if self._left:
            return
        self._left = True
        self._control.poll(at_once=True)  # a rank that leaves because of another's answer has seen it too
        session, reason = self._session, self._wish.reason
        session.emit(
            PHASE, phase="stop", step=session.progress.step, epoch=session.progress.epoch, text=reason
        )
        self._log.flush()
        if save and not self._saver.has_last():
            self._saver.at_end(last=True)
        for hook in self.hooks:
            _call_hook(hook, session.progress.step)


def _call_hook(hook: Callable[..., Any], step: int) -> None:
    """With the step, when it takes one; what it raises is the script's own and ends the training."""
    import inspect

    try:
        takes_step = any(
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
            for p in inspect.signature(hook).parameters.values()
        )
    except (TypeError, ValueError):
        takes_step = False
    if takes_step:
        hook(step)
    else:
        hook()


def _limit(value: Any) -> float | None:
    """A duration in seconds; as people write it ("2h") where no launcher has read it yet."""
    if isinstance(value, str):
        from guardrun.provenance.config.durations import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            raise UserError(f"budget.time is {value!r}: {error}") from None
    return None if value is None else float(value)
