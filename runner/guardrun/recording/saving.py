"""When a run's checkpoints are written: at step boundaries and at the ends of epochs, never in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.names import canonical_metric
from guardrun.events.schema import CHECKPOINT, METRICS, PHASE, RESUME
from guardrun.recording.background import Background
from guardrun.recording.ranks import distributed_ready
from guardrun.recording.session import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guardrun.recording.checkpoints.resume import Place, ResumePlan
    from guardrun.recording.checkpoints.store import CheckpointStore, Planned, Saved
    from guardrun.recording.checkpoints.tracked import Tracked
    from guardrun.recording.session import Session


class Saver:
    """What a checkpoint of this run holds, and when one is due. Nothing happens before ``track``.

    An evaluation's checkpoint is written at the boundary that follows it: what the script does between the
    evaluation and the end of the loop's body (a scheduler's step) is then in it, and a resume goes on
    exactly there.
    """

    def __init__(self, session: Session, extra: Callable[[], dict[str, Any]]) -> None:
        self.data_hashes: dict[str, str] = {}
        self.loader: Any = None
        """The loader of the epoch in progress, which may keep a place of its own."""
        self.batches_before = 0
        """Batches of this epoch that were consumed before a resume."""
        self.off = False
        """Nothing is saved: a check's training is thrown away."""
        self.problem = ""
        """Why the last boundary wrote nothing that was due; "" when it did."""
        self.elsewhere: Callable[[bool], bool] | None = None
        """A framework that saves by itself: told whether one is due; whether it will be written."""
        self._session = session
        self._extra = extra
        self._tracked: Tracked | None = None
        self._store: CheckpointStore | None = None
        self._payload: dict[str, Any] | None = None
        self._own_part = True
        self._place: Place | None = None
        self._plan: ResumePlan | None = None
        self._evaluated: tuple[dict[str, Any], bool] | None = None
        self._last_saved = -1
        self._resume_told = False
        self._place_reached = False
        self._can_save: bool | None = None
        self._damage_told = False
        self._background: Background[Saved | str] = Background()
        self._under_way = (False, 0, 0.0)
        """Of the save beside the training: whether it is last, its step, seconds it held the training."""

    @property
    def tracking(self) -> bool:
        return self._tracked is not None and self._session.paths is not None and not self.off

    # -- what to save

    def track(self, objects: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take objects into the checkpoints; on a resume restore them now. ``extra`` of a resumed checkpoint.

        Raises UserError for an object that can't be saved, or that the resumed checkpoint does not fit.
        """
        from guardrun.recording.checkpoints.resume import Place
        from guardrun.recording.checkpoints.tracked import Tracked

        self._tracked = self._tracked or Tracked()
        for name, value in objects.items():
            self._tracked.add(name, value)
        self._place = self._place or Place(self._session.progress.epoch)
        store = self._make_store()
        extra = self._restore(list(objects))
        if store is not None:
            for text in store.prepare(self._tracked):
                self._session.note_once(text)
            self._refuse_low_space(store)
            self.tell_can_save(True)
        return extra

    def register(self, path: Any, metrics: Mapping[str, Any] | None, step: int | None) -> None:
        """A file that the script saved itself: hashed, ranked into best and last, never changed."""
        from guardrun.recording.checkpoints.store import CheckpointFailed

        session = self._session
        store = self._make_store()
        self.tell_can_save(True)
        if store is None or session.rank.rank != 0:
            return
        self.settle()
        progress = session.progress
        at = progress.now() if step is None else int(step)
        try:
            named = {canonical_metric(str(name)): value for name, value in (metrics or {}).items()}
            saved = store.register(path, step=at, epoch=progress.epoch, metrics=named)
        except CheckpointFailed as error:
            session.tell(str(error))
            return
        self._told(saved)

    def tell_can_save(self, can: bool) -> None:
        """Let front ends know whether a stop would lose anything; told when it changes."""
        if self._can_save is not can:
            self._can_save = can
            text = "checkpoints can be saved" if can else (
                "guard cannot save this run: it has neither track, register_checkpoint nor on_stop"
            )  # fmt: skip
            self._session.note(text, can_save=can)

    def ensure_told(self) -> None:
        """At the first boundary: say it when nothing can be saved."""
        if self._can_save is None:
            self.tell_can_save(False)

    def _make_store(self) -> CheckpointStore | None:
        session = self._session
        if self.off or session.inert:  # a forked child, or after the end: they are not ours to touch
            return None
        if self._store is None and session.paths is not None:
            from guardrun.recording.checkpoints.store import CheckpointStore

            self._store = CheckpointStore(
                session.paths, attempt=session.attempt, rank=session.rank.rank,
                world_size=session.rank.world_size, monitor=session.monitor, mode=session.mode,
                keep=int(session.config["checkpoint"]["keep"]), facts=session.facts,
            )  # fmt: skip
            self._store.data = self.data_hashes
        return self._store

    # -- resume

    def _restore(self, names: list[str]) -> dict[str, Any] | None:
        session = self._session
        if session.resume_from is None or session.paths is None or self._tracked is None:
            return None
        first = self._payload is None
        if first:
            self._load(session.resume_from)
        payload = self._payload
        assert payload is not None
        for problem in self._tracked.restore(payload["objects"], names):
            session.tell(problem)
        return payload.get("extra") if first else None

    def _load(self, which: str) -> None:
        from guardrun.recording.checkpoints.load import load_checkpoint
        from guardrun.recording.checkpoints.resume import ResumePlan

        session = self._session
        assert session.paths is not None
        loaded = load_checkpoint(session.paths, which, session.rank.rank)
        self._payload = loaded.payload
        self._plan = ResumePlan(
            loaded.payload, skip=str(session.config["resume"]["skip"]), own_part=loaded.own_part,
            world_size=session.rank.world_size,
        )  # fmt: skip
        self._place = self._plan.place()
        session.progress.step = self._last_saved = self._plan.step
        session.progress.epoch = self._plan.epoch
        if session.progress.logged_steps:
            session.progress.logged_steps = 0

    def tell_resume(self) -> None:
        """One resume event, before the first step after it."""
        plan, session = self._plan, self._session
        if plan is None or self._resume_told:
            return
        self._resume_told = True
        session.emit(
            RESUME, **{"from": session.resume_from}, attempt=session.attempt, step=plan.step,
            epoch=plan.epoch, batch=plan.batch, skip=plan.skip, exact=plan.exact, problems=plan.problems,
        )  # fmt: skip

    def begin_epochs(self) -> None:
        """Before the first epoch's body: a checkpoint between two epochs continues here."""
        if self._plan is not None and not self._plan.batch:
            self._plan.restore_boundary()

    # -- the place in the data

    def begin_epoch(self, epoch: int, loader: Any) -> Any:
        """The epoch's iterator over ``loader``: anew, or behind what a checkpoint had consumed."""
        self.loader = loader
        self.batches_before = 0
        plan, place = self._plan, self._place
        if plan is not None and not self._place_reached:
            self._place_reached = True
            return self._go_on(plan, epoch, loader)
        if place is not None:
            place.begin_epoch(epoch)
        return iter(loader)

    def _go_on(self, plan: ResumePlan, epoch: int, loader: Any) -> Any:
        """The first epoch after a resume, behind the batches that the checkpoint had consumed."""
        from guardrun.recording.checkpoints.doubts import doubts

        if not plan.batch and self._place is not None:
            plan.restore_boundary()
            self._place.begin_epoch(epoch)
        iterator = plan.iterate(loader)
        self.batches_before = plan.batch
        if self._resume_told and plan.problems:  # numbers were logged before the loader was known
            self._session.note(f"the resume is not exact: {'; '.join(plan.problems)}")
        for text in doubts(loader, replayed=plan.skip == "replay"):
            self._session.note_once(text)
        self.tell_resume()
        return iterator

    def advance(self) -> None:
        if self._place is not None:
            self._place.advance()

    def end_epoch(self) -> None:
        self.loader = None
        if self._place is not None:
            self._place.end_epoch()

    # -- when to save

    def evaluated(self, metrics: dict[str, Any], best: bool) -> None:
        """Remember an evaluation until the next boundary; its weights are best if ``best``."""
        if self.tracking:
            earlier, was_best = self._evaluated or ({}, False)
            self._evaluated = (earlier | metrics, best or was_best)

    def at_boundary(self, last: bool, metrics: Mapping[str, Any] | None = None) -> bool:
        """Write what is due: the evaluation's best, ``last``, or both in one folder; whether it was."""
        if not (last or self._evaluated is not None or self._background.busy):
            return False
        self.settle(wait=False)
        evaluated, self._evaluated = self._evaluated, None
        if self.elsewhere is not None and not self.tracking:
            return self.elsewhere(last)
        self.problem = "" if self.tracking else "nothing is tracked (run.track); its script saves by itself"
        if not self.tracking:
            return False
        session = self._session
        several = session.rank.world_size > 1
        apart = several and not distributed_ready()
        if apart:  # ranks without a process group never meet at one step: rank 0 waits for nobody
            session.note_once("the ranks have no process group: rank 0 alone writes the checkpoints")
            if session.rank.rank != 0:
                return False
        best = evaluated is not None and evaluated[1]
        values = dict(metrics or {}) | (evaluated[0] if evaluated else {})
        done = False
        if several and not apart and best and session.rank.rank == 0:
            done = self._save(values, best=True, last=False, alone=True)
            best = False
        if last or best:  # the newest checkpoint is last, whatever it was written for
            done = self._save(values, best=best, last=True, alone=apart)
        return done

    def at_end(self, last: bool) -> None:
        """The last boundary: nothing is under way any more when this returns."""
        self.at_boundary(last=last)
        self.settle()

    def has_last(self) -> bool:
        """Whether ``last`` is of the present step already. Several ranks save once more in any case: one that
        alone has evaluated since, or alone failed to write, would wait for parts of the others."""
        self.settle()
        if self._session.rank.world_size > 1:
            return False
        return self._last_saved == self._session.progress.step and self._evaluated is None

    def _save(self, metrics: dict[str, Any], *, best: bool, last: bool, alone: bool) -> bool:
        from guardrun.recording.checkpoints.store import CheckpointFailed

        session, store = self._session, self._make_store()
        if store is None or self._tracked is None or self._place is None:
            return False
        self.settle()
        beside = bool(session.config["checkpoint"].get("async"))
        if not beside and self._damaged(self._tracked.nonfinite()):
            return False
        progress = session.progress
        if not beside:
            session.emit(PHASE, phase="checkpoint", step=progress.step, epoch=progress.epoch)
        try:
            planned = store.plan(
                self._tracked, step=progress.step, epoch=self._place.epoch,
                position=self._place.position(progress.step, loader=self.loader), metrics=metrics,
                claim_best=best, last=last, alone=alone, extra=self._extra(),
            )  # fmt: skip
            if beside:
                self._begin_beside(store, planned)
            else:
                saved = store.write(planned, self._tracked.nonfinite)
        except (CheckpointFailed, UserError) as error:
            self.problem = str(error)
        except Exception as error:  # a state_dict that raises: the training itself did not ask for it
            self.problem = f"{type(error).__name__}: {brief(error)}"
        finally:
            if not beside:
                session.emit(PHASE, phase="train" if progress.in_steps else "eval", epoch=progress.epoch)
        if self.problem:
            session.tell(f"no checkpoint: {self.problem}")
            return False
        if last:
            self._last_saved = progress.step
        if not beside:
            self._told(saved)
        return True

    # -- beside the training

    def _begin_beside(self, store: CheckpointStore, planned: Planned) -> None:
        """Copy the state and let a thread write it; the training goes on meanwhile."""
        copied = planned.apart()

        def work() -> Saved | str:
            return copied.nonfinite() or store.write(copied, lambda: None)

        self._under_way = (planned.last, self._session.progress.step, time.monotonic() - planned.begun)
        self._background.begin(work)

    def settle(self, *, wait: bool = True) -> bool:
        """Tell of the save beside the training once it is done, or wait for it; False if it failed."""
        outcome = self._background.take(wait=wait)
        if outcome is None:
            return True
        from guardrun.recording.checkpoints.store import CheckpointFailed

        last, step, held = self._under_way
        if isinstance(outcome, tuple):
            self._damaged(None)
            self._told(outcome, held_s=held)
            return True
        if last and self._last_saved == step:
            self._last_saved = -1
        if isinstance(outcome, str):
            self._damaged(outcome)
            return False
        known = isinstance(outcome, CheckpointFailed)
        self.problem = str(outcome) if known else f"{type(outcome).__name__}: {brief(outcome)}"
        self._session.tell(f"no checkpoint: {self.problem}")
        return False

    # -- parts

    def _damaged(self, damage: str | None) -> bool:
        """Nothing can be resumed from weights that are not finite: best and last stay what they were."""
        if damage and not self._damage_told:
            self._session.tell(f"last stays as it is: {damage}")
        if bool(damage) is not self._damage_told:
            self._tell_weights(int(bool(damage)))
        self._damage_told = bool(damage)
        self.problem = damage or self.problem
        return bool(damage)

    def _refuse_low_space(self, store: CheckpointStore) -> None:
        if self._session.config["checkpoint"].get("low_space") != "refuse":
            return
        try:
            problems = store.space_problems(self._tracked)
        except OSError as error:
            problems = [str(error)]
        if problems:
            raise UserError(
                f"checkpoints would not fit: {problems[0]}",
                hint="make room, keep fewer (checkpoint.keep), or start anyway (checkpoint.low_space: warn)",
            )

    def _tell_weights(self, damaged: int) -> None:
        progress = self._session.progress
        values = {"weights/nonfinite": damaged}
        self._session.emit(METRICS, step=progress.step, epoch=progress.epoch, **values)

    def _told(self, saved: Saved, **more: float) -> None:
        self._session.emit(CHECKPOINT, **saved.event(), **more)
        if saved.problem:
            self._session.note(saved.problem)
