"""The rules, one a file. ``all_rules`` is the table that the engine runs."""

from __future__ import annotations

from guardrun.signals.model import Rule
from guardrun.signals.rules.grad_explosion import GradExplosion
from guardrun.signals.rules.loss_explosion import LossExplosion
from guardrun.signals.rules.nan import NonFinite
from guardrun.signals.rules.overfit import Overfit


def all_rules(monitor: str | None, mode: str) -> tuple[Rule, ...]:
    """Fresh rules for one run, whose ``monitor`` metric decides which checkpoint is best."""
    return (NonFinite(), LossExplosion(), GradExplosion(), Overfit(monitor, mode))
