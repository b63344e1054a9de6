"""What may be done about a signal: the stop table's defaults, and a user's own choices over them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from guardrun.signals.model import Action, Severity

DEFAULT_POLICY: Final[Mapping[str, Action]] = MappingProxyType(
    {
        "nan": "abort",
        "loss_explosion": "abort",
        "overfit": "stop",
        "patience": "stop",
        "budget": "stop",
        "collapse": "warn",
        "loss_spike": "warn",
        "val_jump": "warn",
        "grad_explosion": "warn",
        "vanishing_gradient": "warn",
        "loss_scale": "warn",
        "oscillation": "warn",
        "no_learning": "warn",
        "stagnation": "warn",
        "inferior": "warn",
        "data_bottleneck": "warn",
        "throughput_drop": "warn",
        "hang": "warn",
        "straggler": "warn",
        "idle_gpu": "warn",
        "memory_near_limit": "warn",
        "memory_growth": "warn",
        "out_of_memory": "warn",
        "disk_full": "warn",
    }
)
"""Rule id -> the strongest thing done about it without asking a person. Only what real logs show to be safe
acts by itself, and what the user asked for."""


def full_policy(policy: Mapping[str, Action]) -> dict[str, Action]:
    """The defaults with a user's choices over them."""
    return {**DEFAULT_POLICY, **policy}


def decide(id: str, severity: Severity, policy: Mapping[str, Action]) -> Action:
    """The action for a signal: only one of severity ``act`` may stop or abort a run.

    A rule that the policy does not name warns.
    """
    allowed: Action = policy.get(id, DEFAULT_POLICY.get(id, "warn"))
    if severity == "act" or allowed in ("off", "observe"):
        return allowed
    return "warn" if severity == "warn" else "observe"


def withheld(id: str, severity: Severity, action: Action) -> Action | None:
    """What the default policy would have done about a signal that is only observed; None: nothing."""
    if action != "observe" or severity != "act":
        return None
    usual = DEFAULT_POLICY.get(id, "warn")
    return usual if usual in ("stop", "abort") else None
