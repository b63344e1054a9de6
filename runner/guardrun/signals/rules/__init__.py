"""The rules, one a file. ``all_rules`` is the table that the engine runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from guardrun.signals.context import Context
from guardrun.signals.model import Rule
from guardrun.signals.rules.budget import BudgetUsedUp
from guardrun.signals.rules.collapse import Collapse
from guardrun.signals.rules.data_bottleneck import DataBottleneck
from guardrun.signals.rules.disk_full import DiskFull
from guardrun.signals.rules.grad_explosion import GradExplosion
from guardrun.signals.rules.hang import Hang
from guardrun.signals.rules.idle_gpu import IdleGpu
from guardrun.signals.rules.inferior import Inferior
from guardrun.signals.rules.loss_explosion import LossExplosion
from guardrun.signals.rules.loss_scale import LossScale
from guardrun.signals.rules.loss_spike import LossSpike
from guardrun.signals.rules.memory_growth import MemoryGrowth
from guardrun.signals.rules.memory_near_limit import MemoryNearLimit
from guardrun.signals.rules.nan import NonFinite
from guardrun.signals.rules.no_learning import NoLearning
from guardrun.signals.rules.oscillation import Oscillation
from guardrun.signals.rules.out_of_memory import OutOfMemory
from guardrun.signals.rules.overfit import Overfit
from guardrun.signals.rules.patience import Patience
from guardrun.signals.rules.stagnation import Stagnation
from guardrun.signals.rules.straggler import Straggler
from guardrun.signals.rules.throughput_drop import ThroughputDrop
from guardrun.signals.rules.val_jump import ValJump
from guardrun.signals.rules.vanishing_gradient import VanishingGradient

RULES: Final[tuple[Callable[[Context], Rule], ...]] = (
    NonFinite,
    LossExplosion,
    ValJump,
    LossSpike,
    Collapse,
    GradExplosion,
    Overfit,
    VanishingGradient,
    LossScale,
    Oscillation,
    NoLearning,
    Stagnation,
    Patience,
    BudgetUsedUp,
    Hang,
    DataBottleneck,
    ThroughputDrop,
    Inferior,
    Straggler,
    IdleGpu,
    MemoryNearLimit,
    MemoryGrowth,
    OutOfMemory,
    DiskFull,
)


def all_rules(context: Context) -> tuple[Rule, ...]:
    """Fresh rules for one run."""
    return tuple(rule(context) for rule in RULES)
