"""The effective configuration of a run: every key, its type, its default and its meaning.

The docstring under a field is its documentation; docs/config.md says the same at more length.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Action = Literal["off", "observe", "warn", "stop", "abort"]


class _Section(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Immutable; a key that is not a field is an error."""


class MonitorConfig(_Section, kw_only=True, frozen=True):
    """The metric that decides which checkpoint is best."""

    metric: str = "val/loss"
    """Name as logged; ``val_loss`` and ``eval/loss`` mean ``val/loss``."""
    mode: Literal["min", "max"] | None = None
    """Whether less or more is better; told from the metric's name when it is left out."""


class CheckpointConfig(_Section, kw_only=True, frozen=True):
    """When a checkpoint is written and how many stay."""

    every_steps: Count | None = None
    """Optimizer steps between two checkpoints; null: not by steps."""
    every_epochs: Count | None = 1
    """Epochs between two checkpoints; null: not by epochs."""
    keep: Natural = 2
    """Newest checkpoints that stay besides best and last."""
    asynchronous: bool = msgspec.field(name="async", default=False)
    """Copy the state at the step boundary, and write it from a thread while the training goes on."""
    low_space: Literal["warn", "refuse"] = "warn"
    """What happens where the checkpoints would not fit on the disk: a note, or no training."""


class StopConfig(_Section, kw_only=True, frozen=True):
    """When training ends early, and how patient a stop is."""

    patience: Count | None = None
    """Evaluations without improvement after which training ends; null: never."""
    min_delta: NotNegative = 0.0
    """Change of the monitored metric that counts as an improvement, in its own unit."""
    grace: Positive = 60.0
    """Seconds (or "2m") without any progress after which a stop may go one rung further."""
    hang: Positive = 300.0
    """Seconds (or "10m") without a word in a training step that are never called a hang."""


class BudgetConfig(_Section, kw_only=True, frozen=True):
    """Limits that end the training, safely, when one is reached; null: no limit."""

    time: Positive | None = None
    """Training time of all attempts: seconds, or "90", "30m", "2h", "1d2h30m"."""
    steps: Count | None = None
    """Optimizer steps."""
    epochs: Count | None = None
    """Epochs."""
    cost: Positive | None = None
    """Money, in ``cost.currency``; needs ``cost.per_hour``."""


class PolicyConfig(_Section, kw_only=True, frozen=True):
    """What is done by itself when a signal is raised: off, observe, warn, stop or abort."""

    nan: Action = "abort"
    """Losses in a row, or weights, that are NaN or infinite."""
    loss_explosion: Action = "abort"
    """A training loss far above its level that does not come back."""
    overfit: Action = "stop"
    """The validation loss drifts up while the training loss still falls."""
    patience: Action = "stop"
    """``stop.patience`` evaluations without a better monitor."""
    budget: Action = "stop"
    """A limit of ``budget`` is reached."""
    collapse: Action = "warn"
    """A loss that fell to a worse level and stays there."""
    loss_spike: Action = "warn"
    """A loss that jumps and comes back: for the record."""
    val_jump: Action = "warn"
    """A validation loss that jumps from one evaluation to the next."""
    grad_explosion: Action = "warn"
    """A gradient norm far beyond its recent range."""
    vanishing_gradient: Action = "warn"
    """A gradient norm that all but vanishes while the loss is flat."""
    loss_scale: Action = "warn"
    """A loss scale at its floor, or too many skipped steps."""
    oscillation: Action = "warn"
    """Evaluations that go up and down without a trend."""
    no_learning: Action = "warn"
    """Nothing learnt in the first third of the run."""
    stagnation: Action = "warn"
    """No progress for a good part of the run."""
    inferior: Action = "warn"
    """Clearly worse than its siblings of the same group."""
    data_bottleneck: Action = "warn"
    """More than half of each step is spent waiting for data."""
    throughput_drop: Action = "warn"
    """Steps take much longer than they did."""
    hang: Action = "warn"
    """No step for far longer than a step takes."""
    straggler: Action = "warn"
    """One rank is slower than the others."""
    idle_gpu: Action = "warn"
    """A GPU with little to do."""
    memory_near_limit: Action = "warn"
    """GPU or host memory near its end."""
    memory_growth: Action = "warn"
    """Memory that keeps growing and will reach its end before the run does."""
    out_of_memory: Action = "warn"
    """The training ran out of memory."""
    disk_full: Action = "warn"
    """The run directory's disk is nearly full."""


class CostConfig(_Section, kw_only=True, frozen=True):
    """What an hour of this machine costs."""

    per_hour: NotNegative | None = None
    """Price of an hour of the whole job; null: unknown, no cost is shown."""
    currency: str = "EUR"
    """Printed behind the cost."""


class EfficiencyConfig(_Section, kw_only=True, frozen=True):
    """What the model computes, for its share of the hardware's peak (model FLOPs utilisation)."""

    flops_per_step: Positive | None = None
    """Floating-point operations of one optimizer step, forward and backward, all ranks together."""
    flops_per_token: Positive | None = None
    """The same of one token; about 6 times the parameters of a transformer. Outranks flops_per_step."""
    peak_flops: Positive | None = None
    """Peak of one device in FLOPs a second; null: by the GPU's name, dense bf16."""


class CheckConfig(_Section, kw_only=True, frozen=True):
    """How `guard check` tries this training."""

    steps: Count = 200
    """Optimizer steps of each short training."""
    time: Positive = 60.0
    """Seconds (or "2m") that each short training may take."""
    tokens: Count = 1024
    """Tokens of the text that is learnt by heart, where the data is one long row of them."""
    overfit: list[str] = []
    """KEY=VALUE while a few examples are learnt by heart: augmentation and regularisation off."""
    batch_size: str | None = None
    """Key that holds the batch size; null: params.batch_size or a name like it."""
    precision: str | None = None
    """Key that holds the precision (fp32, bf16 …); null: guard puts the training under autocast."""
    frozen: list[str] = []
    """Parameters that are frozen on purpose, as patterns: backbone.*"""
    baseline: str | None = None
    """Configuration of your own baseline, relative to this one's folder."""
    skip: list[str] = []
    """Checks that make no sense for this training."""


class ResumeConfig(_Section, kw_only=True, frozen=True):
    """How a resumed training finds its place within an epoch."""

    skip: Literal["replay", "sampler"] = "replay"
    """replay: fetch and drop the consumed batches (exact); sampler: skip their indices (fast)."""


class SlurmConfig(_Section, kw_only=True, frozen=True):
    """The job that is asked for, with ``launcher: slurm``; hosts are ``nnodes``."""

    partition: str | None = None
    """Partition; null, here and below: the cluster's default."""
    time: Positive | None = None
    """Time limit: "90m", "2h", "1d12h", or Slurm's own "1-12:00:00"."""
    gpus: Count | str | None = None
    """GPUs on each host: 4, or "a100:4"."""
    gres: str | None = None
    """The same in Slurm's older words: "gpu:4"."""
    cpus_per_task: Count | None = None
    """CPU cores on each host."""
    mem: Count | str | None = None
    """Memory of each host: "32G", or a number of MB."""
    account: str | None = None
    """Who pays."""
    qos: str | None = None
    """Quality of service."""
    warning: Positive = 120.0
    """Seconds (or "5m") before its time limit, or its preemption, at which the job is stopped safely."""
    requeue: bool | None = None
    """Back into the queue after that, to go on; null: yes in a job that guard asked for, no in others."""
    extra: list[str] = []
    """Further options of sbatch, as it spells them: [--constraint=a100, --exclude=node7]."""


class AccessConfig(_Section, kw_only=True, frozen=True):
    """Who may look into the run's folder and command the run, besides its owner and root."""

    private: bool = True
    """Nobody else may look into the folder; false: as your umask says."""
    group: str | None = None
    """Members of this group may look at the run and send it commands (stop, checkpoint, notes)."""


class Config(_Section, kw_only=True, frozen=True):
    """Everything `guard run` knows about a training. Exactly one of ``command`` and ``entry`` is given."""

    name: str = ""
    """Name of the run; default: the configuration's file name, or the script's."""
    group: str | None = None
    """Runs that belong together (seeds, a sweep)."""
    command: list[str] | str | None = None
    """The training's command. A leading ``python`` is ``python`` below."""
    entry: str | None = None
    """The training's Python script, relative to ``workdir``; its arguments are ``args``."""
    args: list[str] = []
    """Arguments of ``entry``."""
    workdir: str = "."
    """Where the training runs, relative to the configuration's folder."""
    python: str | None = None
    """Interpreter of the training; null: the one that guard runs in."""
    env: dict[str, str] = {}
    """Environment variables added for the training."""
    launcher: Literal["none", "torchrun", "slurm"] = "none"
    """torchrun starts ``nproc_per_node`` ranks of ``entry``; slurm does so in a job that it waits for."""
    nproc_per_node: Count = 1
    """Ranks on each host, with a ``launcher``."""
    nnodes: Count = 1
    """Hosts, with a ``launcher``; torchrun's others are given the command that guard prints."""
    rendezvous: str | None = None
    """HOST:PORT where the hosts meet, on one of them."""
    max_restarts: Natural = 0
    """How often torchrun starts all ranks anew when one has failed; they go on from ``last``."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    """Seed for ``run.seed()``; null: the script's own."""
    deterministic: bool = False
    """Ask PyTorch for deterministic algorithms in ``run.seed()``."""
    on_dirty: Literal["record", "warn", "refuse"] = "record"
    """What happens at the launch of code that no commit holds: it is kept with the run in any case."""
    params: dict[str, Any] = {}
    """Hyper-parameters, of any shape: ``run.config.params``, ``${params.lr}``."""
    data: dict[str, str] = {}
    """Names and paths of data sets, for the record and for the script."""
    logs: str | None = None
    """Log that a training without our library writes: a file, a folder or a pattern below ``workdir``."""
    monitor: MonitorConfig = MonitorConfig()
    """The metric that decides which checkpoint is best."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    """When a checkpoint is written and how many stay."""
    stop: StopConfig = StopConfig()
    """When training ends early, and how patient a stop is."""
    budget: BudgetConfig = BudgetConfig()
    """Limits that end the training, safely."""
    policy: PolicyConfig = PolicyConfig()
    """What is done by itself when a signal is raised."""
    cost: CostConfig = CostConfig()
    """What an hour of this machine costs."""
    efficiency: EfficiencyConfig = EfficiencyConfig()
    """What the model computes, for model FLOPs utilisation."""
    check: CheckConfig = CheckConfig()
    """How `guard check` tries this training."""
    resume: ResumeConfig = ResumeConfig()
    """How a resumed training finds its place within an epoch."""
    slurm: SlurmConfig = SlurmConfig()
    """The job that is asked for, with ``launcher: slurm``."""
    access: AccessConfig = AccessConfig()
    """Who may look into the run's folder, and whose commands it obeys."""


SECTIONS: dict[str, type[_Section]] = {
    "monitor": MonitorConfig,
    "checkpoint": CheckpointConfig,
    "stop": StopConfig,
    "budget": BudgetConfig,
    "policy": PolicyConfig,
    "cost": CostConfig,
    "efficiency": EfficiencyConfig,
    "check": CheckConfig,
    "resume": ResumeConfig,
    "slurm": SlurmConfig,
    "access": AccessConfig,
}
"""The keys of Config that are sections with fixed keys of their own."""

FREE_SECTIONS = frozenset(("params", "data", "env"))
"""The keys of Config below which a user may write any key."""


def known_keys() -> list[str]:
    """Every key that may be written, dotted: ``name``, ``monitor``, ``monitor.metric``, ..."""
    keys: list[str] = []
    for key in Config.__struct_encode_fields__:
        keys.append(key)
        if key in SECTIONS:
            keys.extend(f"{key}.{sub}" for sub in SECTIONS[key].__struct_encode_fields__)
    return keys
