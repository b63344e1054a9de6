"""The rules, one a file. ``all_rules`` is the table that the engine runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from guardrun.signals.context import Context
from guardrun.signals.model import Rule
from guardrun.signals.rules.collapse import Collapse
from guardrun.signals.rules.grad_explosion import GradExplosion
from guardrun.signals.rules.loss_explosion import LossExplosion
from guardrun.signals.rules.loss_spike import LossSpike
from guardrun.signals.rules.nan import NonFinite
from guardrun.signals.rules.overfit import Overfit
from guardrun.signals.rules.val_jump import ValJump

RULES: Final[tuple[Callable[[Context], Rule], ...]] = (
    NonFinite,
    LossExplosion,
    ValJump,
    LossSpike,
    Collapse,
    GradExplosion,
    Overfit,
)


def all_rules(context: Context) -> tuple[Rule, ...]:
    """Fresh rules for one run."""
    return tuple(rule(context) for rule in RULES)
