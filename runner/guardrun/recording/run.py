"""A run, as the training script sees it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from guardrun.events.schema import PHASE, RUN_END, RUN_START, SEEDS
from guardrun.recording.boundaries import Boundaries
from guardrun.recording.cells import ending_of, left_by, shell
from guardrun.recording.data_calls import DataCalls
from guardrun.recording.data_records import DataRecords
from guardrun.recording.evaluating import Evaluations
from guardrun.recording.gradients import GradientWatch
from guardrun.recording.loops import Loops
from guardrun.recording.meter import Meter
from guardrun.recording.metric_log import MetricLog
from guardrun.recording.opening import hidden
from guardrun.recording.sanity import from_environment
from guardrun.recording.saving import Saver
from guardrun.recording.showing import Shown
from guardrun.recording.stopping import Control, SignalFlags, StopRun, StopWish, status_of
from guardrun.recording.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from guardrun.recording.config_view import ConfigView
    from guardrun.recording.opening import Opened
    from guardrun.recording.session import Session

__all__ = ["Run", "StopRun"]

T = TypeVar("T")
Hook = TypeVar("Hook", bound="Callable[..., Any]")


class Run(DataCalls, Shown):
    """One training run: made by ``guardrun.start()``, ended by leaving ``with`` or by the process's end."""

    def __init__(self, opened: Opened, on_end: Callable[[Run], None]) -> None:
        session = opened.session
        self._opened = opened
        self._session: Session = session
        self._on_end = on_end
        self._open = True
        self._with_process = False
        self._left_by: tuple[dict[str, Any], tuple[int, ...]] | None = None
        self._seeded: int | None = None
        self._metric_log = MetricLog(session)
        self._gradients = GradientWatch(self._norm_wanted, self._optimizer_stepped)
        self._meter = Meter(self._gradients)
        self._wish = StopWish()
        self._control = Control(session, self._wish)
        self._saver = Saver(session, self._extra_state)
        self._data = DataRecords(session, self._saver.data_hashes, lambda: self._seeded)
        self.sanity = self._meter.sanity = from_environment(session)
        self._saver.off = self.sanity is not None
        self._evaluations = Evaluations(session, self._saver, self._wish)
        self._boundaries = Boundaries(session, self._metric_log, self._saver, self._wish, self._control)
        self._surroundings = Surroundings(session)
        self._boundaries.at_first = self._tell_environment
        self._boundaries.at_second = self._surroundings.tell_environment
        self._loops = Loops(
            session, self._metric_log, self._saver, self._boundaries, self._gradients, self._meter
        )
        self._signals = SignalFlags(
            self._wish, lambda: self._boundaries.seen and not session.inert, self._control
        )
        self._metric_log.before_first = self._begin
        self._metric_log.on_test = self._evaluations.on_test = self._data.tests.measured
        self._log = self._metric_log.log
        self._tell_start()

    # -- what it is

    @property
    def id(self) -> str:
        """The run directory's name; "" when nothing is recorded."""
        return self._session.paths.root.name if self._session.paths else ""

    @property
    def path(self) -> Path | None:
        """The run directory; None when nothing is recorded."""
        return self._session.paths.root if self._session.paths else None

    @property
    def config(self) -> ConfigView:
        """The effective configuration, read-only: ``run.config.params.lr`` or ``run.config["params"]``."""
        return self._session.config

    @property
    def params(self) -> ConfigView:
        """The hyper-parameters: ``run.config.params``."""
        found: ConfigView = self._session.config["params"]
        return found

    @property
    def step(self) -> int:
        """Optimizer steps completed; in the body of ``run.steps`` the number of the step in progress."""
        return self._session.progress.now()

    @property
    def epoch(self) -> int:
        """The epoch in progress, from 0."""
        return self._session.progress.epoch

    @property
    def rank(self) -> int:
        return self._session.rank.rank

    @property
    def world_size(self) -> int:
        return self._session.rank.world_size

    # -- before training

    def seed(self, seed: int | None = None) -> int:
        """Seed Python, NumPy, torch and CUDA, as far as they are imported; the seed that was used.

        A launcher's configuration outranks ``seed`` (so that `guard repeat` can vary it), which outranks
        the one in ``start(config=...)``; without any, one is drawn and recorded.
        """
        from guardrun.recording.seeds import seed_everything

        launched = self._opened.launched_seed
        chosen = launched if launched is not None else seed if seed is not None else self.config["seed"]
        if chosen is None:
            import secrets

            chosen = secrets.randbits(31)
        self._seeded = int(chosen)
        record = seed_everything(
            chosen, rank=self.rank, deterministic=bool(self.config.get("deterministic", False))
        )
        self._session.emit(SEEDS, **record)
        self._surroundings.seeded(record)
        return self._seeded

    def loader_kwargs(self) -> dict[str, Any]:
        """Arguments for a DataLoader: a generator that goes into the checkpoints, and seeded workers."""
        from guardrun.recording.seeds import loader_kwargs

        return loader_kwargs(self.seed() if self._seeded is None else self._seeded, self.rank)

    def track(self, **objects: Any) -> None:
        """Name what a checkpoint holds: ``run.track(model=model, optimizer=optimizer, scheduler=schedule)``.

        Anything with ``state_dict`` and ``load_state_dict``. A resumed run restores it here and now. The
        gradient norm of tracked optimizers is logged with every step. Raises UserError for sharded models,
        for state that can't be saved, and for a resumed checkpoint that does not fit.
        """
        if self.sanity is not None:
            self.sanity.watch(objects)
        for value in objects.values():
            self._gradients.watch(value)
            if hasattr(value, "get_scale") and hasattr(value, "unscale_"):
                self._meter.scaler = value
        self._surroundings.track(objects)
        extra = self._saver.track(objects)
        if isinstance(extra, dict):
            self._evaluations.stopping.load_state_dict(extra.get("early_stopping") or {})
            self._session.progress.begun -= float(extra.get("elapsed_s") or 0.0)
        self._metric_log.before_first = self._begin

    def define_metrics(self, definitions: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Record what metrics mean: ``run.define_metrics({"val/f1": "macro over 10 classes"})``.

        In place of a text the function that computes it: its source goes into the record.
        """
        self._surroundings.define({**(definitions or {}), **named})

    # -- training

    def log(self, values: Mapping[str, Any] | None = None, /, step: int | None = None, **named: Any) -> None:
        """Record numbers: ``run.log(loss=loss, lr=lr)`` or ``run.log({"val/loss": loss})``.

        Tensors of one element are fine; on an accelerator they are read a step or two later, without
        waiting. Within ``run.steps`` they belong to the step in progress; elsewhere a step begins when a
        name is logged again, unless ``step`` says which it is. ``loss`` is stored as ``train/loss``.
        """
        if values is not None:
            named = {**values, **named} if named else dict(values)
            if step is None and "step" in named:
                step = named.pop("step")
        self._log(named, step)

    def epochs(self, count: int) -> Iterator[int]:
        """The numbers of the epochs to train, from 0; a resumed run goes on with its own."""
        return self._loops.epochs(count)

    def steps(
        self,
        loader: Iterable[T],
        *,
        accumulate: int = 1,
        samples: int | Callable[[Any], int] | None = None,
        tokens: int | Callable[[Any], int] | None = None,
        log_every: int = 1,
        total: int | None = None,
    ) -> Iterator[T]:
        """The batches of ``loader``, timed; training stops and saves only between them.

        ``accumulate`` batches make one optimizer step; an incomplete rest at the loader's end counts as a
        step when a tracked optimizer did one. ``samples`` and ``tokens`` are counts a batch, or functions of
        a batch (samples: by default the first dimension of its first tensor). Every ``log_every`` steps an
        event holds step_time, data_time, throughput, lr, grad_norm and loss_scale, together with what the
        body logs. ``total`` is the number of batches where the loader has no length.
        """
        return self._loops.steps(loader, accumulate, samples, tokens, log_every, total)

    def evaluate(
        self, metrics: Mapping[str, Any] | None = None, /, step: int | None = None, **named: Any
    ) -> bool:
        """Record an evaluation; True when the monitored metric is the best so far.

        The best weights are saved at the boundary that follows (the end of the loop's body). Under patience
        the run finishes there once nothing has improved for so long.

        A ``train/loss`` here is one measured in evaluation mode on training data. Overfitting is judged by it
        where there is one, and more strictly by the running loss of ``log()`` where there is none. A bare
        ``loss`` is ``val/loss``.
        """
        best = self._evaluations.take({**(metrics or {}), **named}, step)
        if not (self._loops.active or self._session.progress.in_steps):
            self._saver.at_boundary(last=False)
        return best

    # -- stopping and saving

    @property
    def should_stop(self) -> bool:
        """Whether a loop of the script's own is to end now; reading it is the loop's step boundary.

        The first time it is True everything tracked has been saved and the on_stop hooks were called.
        """
        return self._boundaries.should_stop()

    @property
    def stop_reason(self) -> str:
        """Why training stops ("stop:cli", "patience", "budget:time", "abort:nan"); "" while it does not."""
        return self._wish.reason

    def on_stop(self, hook: Hook) -> Hook:
        """Decorator: call ``hook`` (with the step, if it takes one) on every rank when training stops."""
        self._boundaries.hooks.append(hook)
        self._saver.tell_can_save(True)
        return hook

    def register_checkpoint(
        self, path: Any, metrics: Mapping[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Tell of a checkpoint that the script saved: it is hashed and ranked, never changed or deleted.

        Raises UserError when there is no such file.
        """
        self._saver.register(path, metrics, step)

    # -- the end

    def _process_ends(self) -> None:
        """No end was told before: whether this is one, only the exit code says, which nobody here knows."""
        self._with_process = True
        self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """End the run: what is pending is written, then run_end. Later calls do nothing."""
        if not self._open:
            return
        self._open = False
        session = self._session
        if not session.inert:
            self._boundaries.leave_evaluation()
            self._save_the_end(error is None and left_by(self) is None)
            self._metric_log.flush()
            self._data.tests.end()
            if self.sanity is not None:
                self.sanity.end()
            self._tell_end(error)
        self._close()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        clean = error is None or isinstance(error, StopRun)
        if isinstance(error, SystemExit) and error.code in (None, 0):
            clean = True
        self.finish(None if clean else error)
        return isinstance(error, StopRun)

    def __repr__(self) -> str:
        return f"<guardrun.Run {self.id or 'not recorded'}, step {self.step}>"

    # -- parts

    def _norm_wanted(self) -> bool:
        return self._loops.measuring or not self._session.progress.in_steps

    def _begin(self) -> None:
        """Before the first numbers: what a loop of the script's own can't tell."""
        if self.sanity is not None:
            self.sanity.begin()
        self._saver.tell_resume()
        if not self._session.progress.in_steps:
            self._session.emit(PHASE, phase="train")

    def _optimizer_stepped(self) -> None:
        """In a loop of the script's own the next event takes along what the optimizer tells."""
        if not self._session.progress.in_steps:
            self._meter.steps += 1
            self._metric_log.meter = self._meter.measure_plain

    def _extra_state(self) -> dict[str, Any]:
        return {
            "early_stopping": self._evaluations.stopping.state_dict(),
            "elapsed_s": self._session.progress.elapsed_s(),
        }

    def _tell_start(self) -> None:
        session = self._session
        started = {
            "attempt": session.attempt, "monitor": session.monitor, "mode": session.mode,
            "argv": hidden(list(sys.argv)), "script": sys.argv[0] if sys.argv else "",
            "python": sys.executable,
            "interactive": hasattr(sys, "ps1"),
            "notebook": shell() is not None,
        }  # fmt: skip
        torch = sys.modules.get("torch")
        if torch is not None:
            started["torch"] = str(torch.__version__)
        session.emit(RUN_START, **started, config=hidden(session.config.to_dict()))
        session.emit(PHASE, phase="setup")
        taken = self._signals.install()
        if taken:
            session.note(f"{' and '.join(taken)} of this script's own: guard leaves the handlers alone")

    def _tell_environment(self) -> None:
        """What only the training process knows, once it is about to train."""
        if self.sanity is not None:
            self.sanity.begin()
        self._surroundings.tell()

    def _save_the_end(self, well: bool) -> None:
        """What an evaluation left to save; and ``last``, when the run ended well and has newer weights."""
        saver, session = self._saver, self._session
        alone = session.rank.world_size == 1 and not self._wish.agreed
        newer = well and alone and session.progress.step > 0 and not saver.has_last()
        try:
            saver.at_end(last=newer)
        except Exception as problem:  # an exception on its way out is the script's, never ours
            session.trouble("no checkpoint at the end", problem)

    def _tell_end(self, error: BaseException | None) -> None:
        session = self._session
        reason = self._wish.reason if self._wish.agreed else "completed"
        told = left_by(self) if error is None else ending_of(error)
        fields: dict[str, Any] = told or {"status": status_of(reason), "reason": reason}
        if told is None and self._with_process:
            fields["at_exit"] = True
        self._surroundings.tell_environment()
        session.emit(PHASE, phase="done", step=session.progress.step, epoch=session.progress.epoch)
        if session.writer.dropped:
            fields["dropped"] = session.writer.dropped
        progress = session.progress
        session.emit(RUN_END, **fields, attempt=session.attempt, step=progress.step, epoch=progress.epoch)
        session.writer.sync()

    def _close(self) -> None:
        """Give back everything that was borrowed from the process and the machine."""
        self._signals.remove()
        self._control.deaf()
        self._gradients.close()
        self._surroundings.close()
        self._session.writer.close()
        if self._opened.lease is not None:
            self._opened.lease.release()
        if self._opened.announced is not None:
            try:
                self._opened.announced.unlink()
            except OSError:
                pass
        rng = sys.modules.get("guardrun.recording.rng")
        if rng is not None:
            rng.forget_generators()
        self._on_end(self)

    def _abandon(self) -> None:
        """In a forked child: the run is the parent's alone."""
        self._open = False
        self._session.writer.abandon()
        self._signals.remove()
        self._control.deaf()
