"""What may be done about a signal: the stop table's defaults, and a user's own choices over them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from guardrun.signals.model import Action, Signal

DEFAULT_POLICY: Final[Mapping[str, Action]] = MappingProxyType(
    {"nan": "abort", "loss_explosion": "abort", "grad_explosion": "warn", "overfit": "stop"}
)
"""Rule id -> the strongest thing done about it without asking a person."""


def full_policy(policy: Mapping[str, Action]) -> dict[str, Action]:
    """The defaults with a user's choices over them."""
    return {**DEFAULT_POLICY, **policy}


def decide(signal: Signal, policy: Mapping[str, Action]) -> Action:
    """The action for a signal: only one of severity ``act`` may stop or abort a run.

    A rule that the policy does not name warns.
    """
    allowed: Action = policy.get(signal.id, DEFAULT_POLICY.get(signal.id, "warn"))
    if signal.severity == "act" or allowed in ("off", "observe"):
        return allowed
    return "warn" if signal.severity == "warn" else "observe"
