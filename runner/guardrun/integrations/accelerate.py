"""Accelerate: ``Accelerator(log_with=[guard])`` and ``guard.should_stop(accelerator)`` with
``guard = guardrun.integrations.accelerate.GuardTracker()``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from guardrun.integrations.joining import NeedsPackage, Resumes, join, resumable
from guardrun.recording.outer_loop import OuterLoop, evaluated, numbers

try:
    from accelerate import PartialState
    from accelerate.tracking import GeneralTracker
except ImportError as error:
    raise NeedsPackage("accelerate", error) from error


class GuardTracker(Resumes, GeneralTracker):  # type: ignore[misc]
    """Records what accelerator.log() says, stops at step boundaries, ranks and proves what is saved.

    The arguments are those of guardrun.start(). ``resume_from`` is what ``accelerator.load_state()`` takes.
    """

    name = "guard"
    requires_logging_directory = False
    main_process_only = False

    def __init__(self, **start_arguments: Any) -> None:
        super().__init__()
        self._start = start_arguments
        self._params: dict[str, Any] = {}
        self._begun: OuterLoop | None = None
        self._own_run = False
        self._attached: Any = None
        self._counted = False
        self._stepped: int | None = None
        self._named_steps = False
        self._stopping = False
        self._saving: tuple[str, int] | None = None

    @property
    def tracker(self) -> Any:
        """The guardrun.Run."""
        return self._loop.run

    # -- what Accelerate calls

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """The hyper-parameters, given to init_trackers(config=...)."""
        self._params = dict(values)

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        """Numbers of a step, and of an evaluation as far as their names say so (val_, eval_, test_)."""
        loop = self._loop
        self._register_saved()
        found = numbers(values)
        epoch = values.get("epoch")
        at = int(epoch) if isinstance(epoch, int | float) else loop.run.epoch
        measured = {name: value for name, value in found.items() if evaluated(name)}
        trained = {name: value for name, value in found.items() if name not in measured}
        if step is not None:
            self._named_steps = True
        if trained:
            self._log_step(loop, step, at, trained)
        if measured:
            loop.end_evaluation(measured)

    def finish(self) -> None:
        """accelerator.end_training()."""
        loop = self._begun
        if loop is None:
            return
        if self._attached is not None:  # else nobody knows whether every rank comes here
            self._meet(loop)
        self._register_saved()
        loop.tell_deleted()
        if self._own_run:
            loop.end()
        self._begun = self._attached = None

    # -- what the loop calls

    def should_stop(self, accelerator: Any) -> bool:
        """Whether the loop is to end now; to be asked after each batch, on every rank.

        Between the batches of one accumulation it never is. The first time it is True the state has been
        saved, by accelerator.save_state().
        """
        loop = self._loop
        self._attach(loop, accelerator)
        if not accelerator.sync_gradients:
            return False
        if self._stopping:
            return True
        self._register_saved()
        stepped, before = loop.optimizer_steps, self._stepped
        self._stepped = stepped
        is_step = not loop.hears_norms or before is None or stepped > before
        if is_step and not self._counted and not self._named_steps:
            loop.step(loop.run.step + 1, loop.run.epoch, {})
        self._counted = False
        boundary = loop.boundary()
        if boundary.save and self._worth_saving(loop, getattr(accelerator, "_models", ())):
            self._save(loop, accelerator)
        self._stopping = boundary.stop
        return boundary.stop

    # -- parts

    @property
    def _loop(self) -> OuterLoop:
        if self._begun is None:
            run, self._own_run = join({"config": {"params": self._params}} | self._start)
            self._begun = OuterLoop(run, "accelerate", timed=False)
            path, step = resumable() or ("", 0)
            self._begun.begin(step=step, epoch=0, resumed_from=path)
        return self._begun

    def _log_step(self, loop: OuterLoop, step: int | None, epoch: int, values: dict[str, Any]) -> None:
        if step is None and not self._counted and not self._named_steps:
            step = loop.run.step + 1
        if step is None or step <= loop.run.step:
            loop.run.log(values, step=step)
            return
        self._counted = True
        loop.step(step, epoch, values)

    def _meet(self, loop: OuterLoop) -> None:
        """Every rank has written its part of the newest state."""
        try:
            PartialState().wait_for_everyone()
        except RuntimeError as error:  # another rank has left by an error of its own, which is the one to see
            loop.run._session.trouble("the ranks did not meet at the end", error)

    def _attach(self, loop: OuterLoop, accelerator: Any) -> None:
        if self._attached is accelerator:
            return
        self._attached = accelerator
        if self not in accelerator.trackers:  # Accelerate gives trackers to the main process only
            accelerator.trackers.append(self)
        accelerator.register_save_state_pre_hook(self._before_save)
        # Accelerate has no public list of what it prepared; without it there are no norms.
        prepared = [getattr(one, "optimizer", one) for one in getattr(accelerator, "_optimizers", ())]
        loop.watch(optimizers=prepared)
        loop.scaled_by(getattr(accelerator, "scaler", None))

    def _before_save(self, models: Any, weights: Any, output_dir: str) -> None:
        """save_state() begins: what it saved before is whole by now."""
        self._register_saved()
        if self._worth_saving(self._loop, models):
            self._saving = (os.path.abspath(output_dir), self._loop.run.step)

    def _register_saved(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None and self._begun is not None:
            self._begun.saved(saving[0], step=saving[1])

    def _worth_saving(self, loop: OuterLoop, models: Any) -> bool:
        import torch

        return loop.worth_saving(torch.nn.ModuleList(models))

    def _save(self, loop: OuterLoop, accelerator: Any) -> None:
        if accelerator.project_configuration.automatic_checkpoint_naming:
            accelerator.save_state()
        else:
            beside = Path(accelerator.project_dir or loop.run.path or ".")
            accelerator.save_state(str(beside / f"guard-step-{loop.run.step}"))
        accelerator.wait_for_everyone()
        self._register_saved()
