"""Which short trainings the wanted checks need, and what each check makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guardrun.errors import UserError
from guardrun.judging import sanity_learning as learning
from guardrun.judging import sanity_machine as machine
from guardrun.judging.sanity_chance import absolute_error, accuracy_of, loss_of
from guardrun.judging.sanity_gathering import exported
from guardrun.judging.sanity_model import CHECKS, OPTIONAL, Item, Trial, troubles
from guardrun.judging.sanity_precision import judge_precision
from guardrun.recording import sanity as modes

if TYPE_CHECKING:
    from guardrun.cli.check_trials import Bench
    from guardrun.provenance.config.model import CheckConfig

ALIASES: Final = {
    "labels": "shuffled-labels", "shuffled_labels": "shuffled-labels", "inputs": "shuffled-inputs",
    "shuffled_inputs": "shuffled-inputs", "batch_size": "batch-size", "batch": "batch-size",
    "initial_loss": "initial-loss", "initial": "initial-loss", "leaks": "leakage",
}  # fmt: skip
BATCH_KEYS: Final = (
    "batch_size", "train_batch_size", "per_device_train_batch_size", "batch", "bs", "minibatch",
    "micro_batch_size",
)  # fmt: skip
EXAMPLES: Final = 2048
"""Most examples of train in a short training: an epoch, with its evaluation, must come to an end."""
OTHERS: Final = 1024
FEW: Final = 32
"""Examples that are learnt by heart."""
SHUFFLED: Final = 128
_REDUCED: Final = {"bf16": "bfloat16", "fp16": "float16"}
_PROBE_STEPS: Final = 4
_LEAST_STEPS: Final = 20
HEAD_ROOM: Final = 0.8


def wanted_checks(only: str | None, skip: Sequence[str]) -> list[str]:
    """The checks to make, in their order. Raises UserError for a name that is none."""

    def read(names: Sequence[str]) -> list[str]:
        found = [ALIASES.get(name.strip().lower(), name.strip().lower()) for name in names if name.strip()]
        for name in found:
            if name not in CHECKS:
                raise UserError(f"there is no check {name!r}", hint=f"checks: {', '.join(CHECKS)}")
        return found

    skipped = read(skip)
    if only is not None:
        asked = read(only.split(","))
        if not asked:
            raise UserError("--only names no check", hint=f"checks: {', '.join(CHECKS)}")
        return [name for name in CHECKS if name in asked]
    return [name for name in CHECKS if name not in OPTIONAL and name not in skipped]


class Plan:
    """Makes each training when the first check needs it, and only once."""

    def __init__(
        self, bench: Bench, wanted: Sequence[str], *, memory: float | None, say: Callable[[str], None]
    ) -> None:
        self._bench = bench
        self._wanted = wanted
        self._memory = memory
        self._say = say
        self._made: dict[str, Trial] = {}
        self._stuck: Trial | None = None
        """One that never logged a number: the others would wait as long for nothing."""
        self._config: CheckConfig = bench.loaded.config.check
        self.exports = bench.folder / "data"

    def items(self) -> Iterator[Item]:
        """Each wanted check's verdict, as it is made."""
        makers: dict[str, Callable[[], Item]] = {
            "data": lambda: machine.judge_data(self.plain(), leakage=False),
            "leakage": lambda: machine.judge_data(self.plain(), leakage=True),
            "initial-loss": lambda: learning.judge_initial_loss(self.plain()),
            "baseline": self._baseline,
            "overfit": lambda: learning.judge_overfit(self._overfit()),
            "parameters": self._parameters,
            "shuffled-labels": lambda: self._shuffled(modes.LABELS, "shuffled-labels"),
            "shuffled-inputs": lambda: self._shuffled(modes.INPUTS, "shuffled-inputs"),
            "determinism": self._determinism,
            "precision": self._precision,
            "batch-size": self._batch_size,
        }
        for name in self._wanted:
            yield makers[name]()

    @property
    def trainings(self) -> int:
        return len(self._made)

    def plain(self) -> Trial:
        """The training as it is, but for its length."""
        return self._once("plain", modes.PLAIN, {**self._limits(), "export": str(self.exports)})

    # -- trainings

    def _once(self, key: str, mode: str, options: dict[str, Any], **more: Any) -> Trial:
        if key not in self._made and self._stuck is not None:
            return self._stuck
        if key not in self._made:
            self._say(key)
            self._made[key] = trial = self._bench.run(mode, options, **more)
            if trial.end == "out of time" and not trial.curves:
                self._stuck = trial
        return self._made[key]

    def _limits(self) -> dict[str, Any]:
        """Examples of each split: an epoch of train is over in a quarter of the steps."""
        batch = self._configured_batch() or 16
        train = min(EXAMPLES, max(batch, batch * (self._bench.steps // 4)))
        return {"train": train, "other": OTHERS}

    def _overfit(self) -> Trial:
        options = {**self._limits(), "distinct": FEW, "tokens": self._config.tokens}
        return self._once("overfit", modes.OVERFIT, options, overrides=self._config.overfit)

    def _shuffled(self, mode: str, name: str) -> Item:
        options = {**self._limits(), "distinct": SHUFFLED}
        trial = self._once(name, mode, options, overrides=self._config.overfit)
        return learning.judge_shuffled(trial, self._made.get("plain"), name)

    # -- checks

    def _parameters(self) -> Item:
        trial = self._made.get("overfit") or self.plain()
        return learning.judge_parameters(trial, self._config.frozen)

    def _baseline(self) -> Item:
        from guardrun.judging.sanity_baseline import fit_baselines

        trial = self.plain()
        train = exported(trial, self.exports, "train")
        val = exported(trial, self.exports, "val", "valid", "dev", "eval")
        self._say("baselines")
        accuracy, loss = accuracy_of(trial), loss_of(trial)
        absolute = loss is not None and absolute_error(trial, loss)
        found, note = fit_baselines(train, val, accuracy, loss, absolute=absolute)
        if self._config.baseline:
            found.append(self._own_baseline(trial, self._config.baseline))
        return learning.judge_baseline(trial, found, note)

    def _own_baseline(self, trial: Trial, name: str) -> tuple[str, str, float]:
        """The user's own baseline, trained for as long."""
        file = self._bench.file.resolve().parent / name
        own = self._once("own baseline", modes.PLAIN, self._limits(), file=file)
        metric = accuracy_of(trial) or loss_of(trial) or trial.monitor
        value = own.last(metric)
        if value is None:
            problem = troubles("baseline", own)
            raise UserError(
                f"check.baseline: {file} logged no {metric}" + (f" ({problem.text})" if problem else ""),
                hint=f"run it by `guard run {file}` first",
            )
        return (Path(name).stem, metric, value)

    def _determinism(self) -> Item:
        first = self.plain()
        steps = max(_LEAST_STEPS, self._bench.steps // 4)
        options = self._limits()
        if (found := troubles("determinism", first)) is not None:
            return found
        second = self._once("determinism", modes.DETERMINISM, options, steps=steps)
        forced = {"steps": steps, "overrides": ["deterministic=true"]}
        trials = [self._once("deterministic: true", modes.DETERMINISM, options, **forced)]
        if machine.compared(first, second)[1] is not None:
            trials.append(self._once("deterministic: true, again", modes.DETERMINISM, options, **forced))
        return machine.judge_determinism(first, second, trials)

    def _precision(self) -> Item:
        full, key = self.plain(), self._config.precision
        if (found := troubles("precision", full)) is not None:
            return found
        reduced = {}
        if key is not None:
            full = self._once("fp32", modes.PLAIN, self._limits(), overrides=[f"{key}=fp32"])
        for name, dtype in _REDUCED.items():
            if key is None:
                options = {**self._limits(), "dtype": dtype}
                reduced[name] = self._once(f"precision {name}", modes.PRECISION, options)
            else:
                reduced[name] = self._once(name, modes.PLAIN, self._limits(), overrides=[f"{key}={name}"])
        return judge_precision(full, reduced)

    # -- batch size

    def _batch_size(self) -> Item:
        plain = self.plain()
        if (found := troubles("batch-size", plain)) is not None:
            return found
        key, name = self._batch_key(), "batch-size"
        if key is None:
            return Item(name, "unknown", "no parameter is called like a batch size",
                        "say which one it is: check: {batch_size: params.…}")  # fmt: skip
        limit, where = self._limit(plain)
        told = plain.told_of("train")
        labels = told.get("labels")
        stream = isinstance(labels, dict) and labels.get("kind") == "tokens"
        first = machine.probe_of(plain, limit)
        if first is None:
            return Item(
                name, "unknown", "no batch of the training was seen", "take batches from run.steps(loader)"
            )
        most = 64 * first.batch if stream or not told.get("count") else int(told["count"])
        probes = [first]
        while first.fits and (batch := machine.next_batch(probes, limit, most)) is not None:
            trial = self._once(
                f"a batch of {batch}", modes.BATCH_SIZE, {}, steps=_PROBE_STEPS, memory=1.25 * limit,
                overrides=[f"{key}={batch}"],
            )  # fmt: skip
            probe = machine.probe_of(trial, limit)
            if probe is None:
                return troubles(name, trial) or Item(name, "unknown", "no batch of the training was seen")
            if probe.fits and probe.batch <= max(probes).batch:
                return Item(name, "unknown", f"{key}={batch} made batches of {probe.batch}",
                            "say which key it is: check: {batch_size: params.…}")  # fmt: skip
            probes.append(probe)
        return machine.judge_batch_size(
            probes, limit, most, where, whole=not stream and bool(told.get("count"))
        )

    def _batch_key(self) -> str | None:
        if self._config.batch_size:
            return self._config.batch_size
        facts = self._bench.facts
        params = (facts.config if facts else self._bench.loaded.effective).get("params") or {}
        found = next((name for name in BATCH_KEYS if name in params), None)
        return f"params.{found}" if found else None

    def _configured_batch(self) -> int | None:
        """The batch size that the configuration names, before anything has run."""
        key = (self._config.batch_size or "").removeprefix("params.")
        params = self._bench.loaded.effective.get("params") or {}
        value = next((params[name] for name in (key, *BATCH_KEYS) if name in params), None)
        return value if isinstance(value, int) and value > 0 else None

    def _limit(self, plain: Trial) -> tuple[float, str]:
        """Bytes that a training may take, and where; a fifth of the memory is left as head-room."""
        total = plain.own_end.get("gpu_total_bytes")
        if isinstance(total, int | float) and total:
            return (self._memory or float(total)) * HEAD_ROOM, "of GPU memory"
        if self._memory is not None:
            return self._memory, "of memory"
        from guardrun.supervising.samplers.memory import Memory

        used, whole = Memory().used_and_total()
        return max(0.0, whole - used) * HEAD_ROOM, "of memory (80 % of what is free)"
