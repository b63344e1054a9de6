"""Hugging Face: ``Trainer(..., callbacks=[guardrun.integrations.transformers.GuardCallback()])``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guardrun.integrations.joining import NeedsPackage, Resumes, in_notebook, join
from guardrun.integrations.losses import ForwardWatch
from guardrun.recording.outer_loop import OuterLoop, evaluated, numbers
from guardrun.recording.ranks import distributed_ready

try:
    from transformers import TrainerCallback
    from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
except ImportError as error:
    raise NeedsPackage("transformers", error) from error

_PARAMS = (
    "learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay", "optim", "max_grad_norm",
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps", "seed",
    "bf16", "fp16", "label_smoothing_factor",
)  # fmt: skip
_TIMES = ("_runtime", "_per_second", "_time")


class GuardCallback(Resumes, TrainerCallback):  # type: ignore[misc]
    """Records a Trainer's training, stops it at step boundaries, ranks and proves its checkpoints.

    The Trainer saves, rotates and resumes as it always does. Arguments other than ``save_best`` are those of
    guardrun.start(); the monitor is ``metric_for_best_model`` where the Trainer has one. With ``save_best``
    the Trainer is asked to save whenever an evaluation is the best so far. ``resume_from`` is what
    ``trainer.train(resume_from_checkpoint=...)`` takes.
    """

    def __init__(self, *, save_best: bool = False, **start_arguments: Any) -> None:
        self.save_best = save_best
        self._start = start_arguments
        self._loop: OuterLoop | None = None
        self._forward = ForwardWatch()
        self._own_run = False
        self._training = False
        self._stopping = False
        self._evaluating = False
        self._lr: float | None = None
        self._optimizer: Any = None

    # -- the course of training

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The run begins, or goes on after the Trainer has begun anew by itself (auto_find_batch_size)."""
        if self._loop is None or not self._training:
            run, self._own_run = join(self._arguments(args))
            self._loop = OuterLoop(run, "transformers")
        self._training, self._stopping = True, False
        model, optimizer = kwargs.get("model"), kwargs.get("optimizer")
        self._optimizer = getattr(optimizer, "optimizer", optimizer)
        self._loop.watch(model=model, optimizers=[self._optimizer] if self._optimizer is not None else [])
        self._loop.scaled_by(getattr(optimizer, "scaler", None))
        self._forward.follow(model, _ranks_of_loss(args, self._loop.run.world_size), self._loop.consumed)
        self._loop.begin(
            step=state.global_step,
            epoch=_epoch(state),
            total_steps=state.max_steps or None,
            total_epochs=state.num_train_epochs or None,
            accumulate=args.gradient_accumulation_steps,
            resumed_from=_checkpoint(args, state) if state.global_step else "",
            best=state.best_metric,
        )

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The step's batches are there."""
        if self._loop is not None:
            self._loop.batch_came()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The learning rate of this step; afterwards it is the next one's."""
        groups = getattr(self._optimizer, "param_groups", None)
        self._lr = float(groups[0]["lr"]) if groups else None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """An optimizer step is complete: the boundary at which training may stop."""
        loop = self._loop
        if loop is None:
            return None
        values: dict[str, Any] = {}
        loss = self._forward.take()
        if loss is not None:
            values["loss"] = loss
        if self._lr is not None:
            values["lr"] = self._lr
        loop.step(state.global_step, _epoch(state, ended=True), values)
        self._at_boundary(loop, state, control, kwargs.get("model"))
        loop.looked()
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """After a stop nothing of an epoch's end runs on an epoch that was cut."""
        if self._stopping and not _whole(state.epoch):
            control.should_log = control.should_evaluate = control.should_save = False
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A stopped run ends here; one that is complete with its process, as evaluations may follow."""
        loop, self._training = self._loop, False
        self._forward.close()
        if loop is None:
            return
        loop.tell_deleted()
        if self._own_run and (self._stopping or in_notebook()):
            loop.end()

    # -- numbers

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """The Trainer's own numbers, as far as guard has none of each step: its losses are means, and
        logging_nan_inf_filter takes a NaN out of them."""
        loop = self._loop
        if loop is None or not logs or "train_runtime" in logs:
            return
        known = {"learning_rate"}
        known |= {"loss"} if self._forward.seen else set()
        known |= {"grad_norm"} if loop.hears_norms else set()
        values = {k: v for k, v in numbers(logs).items() if k not in known and not evaluated(k)}
        if values:
            loop.run.log(values)
        loop.looked()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """In the middle of an evaluation."""
        if self._loop is not None:
            if not self._evaluating:
                self._evaluating = True
                self._loop.begin_evaluation()
            self._loop.listen()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> Any:
        """An evaluation is over; a stop that waited for it comes now."""
        loop = self._loop
        if loop is None:
            return None
        self._evaluating = False
        values = {k: v for k, v in numbers(metrics or {}).items() if not k.endswith(_TIMES)}
        hidden = self._forward.take_nonfinite()
        if hidden:
            values["eval_nonfinite_batches"] = hidden
            loop.run._session.tell(f"{hidden} batches of an evaluation have no finite loss")
        best = loop.end_evaluation(values)
        if self._training:
            if best and self.save_best and loop.worth_saving(kwargs.get("model")):
                control.should_save = True
            self._at_boundary(loop, state, control, kwargs.get("model"))
        return control

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """A use of the test split."""
        if self._loop is not None:
            self._evaluating = False
            self._forward.take_nonfinite()
            values = {k: v for k, v in numbers(metrics or {}).items() if not k.endswith(_TIMES)}
            self._loop.end_evaluation(values)

    # -- stops and checkpoints

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The Trainer has saved and rotated."""
        loop = self._loop
        if loop is None:
            return
        if distributed_ready():  # the other ranks write their random state into the same folder
            import torch.distributed

            torch.distributed.barrier()
        if loop.worth_saving(kwargs.get("model")):
            loop.saved(_checkpoint(args, state), step=state.global_step)
        else:
            loop.tell_deleted()
        loop.looked()

    def _at_boundary(self, loop: OuterLoop, state: Any, control: Any, model: Any) -> None:
        boundary = loop.boundary()
        if boundary.stop and not self._stopping:
            self._stopping = True
            control.should_training_stop = True
            if boundary.hurried:
                control.should_evaluate = False
        if boundary.save and not control.should_save and loop.worth_saving(model):
            control.should_save = True

    def _arguments(self, args: Any) -> dict[str, Any]:
        params = {name: getattr(args, name) for name in _PARAMS if hasattr(args, name)}
        arguments: dict[str, Any] = {"config": {"params": params}}
        metric = args.metric_for_best_model
        if metric:
            arguments["monitor"] = metric if metric.startswith("eval_") else f"eval_{metric}"
            arguments["mode"] = "max" if args.greater_is_better else "min"
        return arguments | self._start


def _epoch(state: Any, *, ended: bool = False) -> int:
    """The epoch in progress, from 0; ``ended``: that of the step that has just been done."""
    place = float(state.epoch or 0.0)
    return max(0, int(place - 1e-9)) if ended else int(place + 1e-9)


def _whole(epoch: Any) -> bool:
    return epoch is not None and abs(epoch - round(epoch)) < 1e-9


def _ranks_of_loss(args: Any, world_size: int) -> int:
    """By how many ranks a loss is divided that the model has normalised by the tokens of all of them."""
    return world_size if getattr(args, "average_tokens_across_devices", False) else 1


def _checkpoint(args: Any, state: Any) -> str:
    """Where the Trainer has this step's checkpoint; trials of a search have folders of their own."""
    name = f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
    plain = Path(args.output_dir) / name
    if not plain.is_dir():
        nested = sorted(Path(args.output_dir).glob(f"*/{name}"), key=lambda one: one.stat().st_mtime)
        plain = nested[-1] if nested else plain
    return str(plain)
