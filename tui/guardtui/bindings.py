"""Textual bindings from the table of keys."""

from __future__ import annotations

from textual.binding import Binding

from guardtui.keys import TABLE, Where


def bindings_for(*places: Where, priority: bool = False, owner: str = "") -> list[Binding]:
    """Bindings of these places; acting keys are refused later, by ``is_acting``, in read-only mode.

    ``owner`` says whose actions they are when not those of the node that has the bindings: "app.".
    """
    return [
        Binding(key.keys, owner + key.action, key.help, show=False, priority=priority)
        for place in places
        for key in TABLE
        if place in key.where
    ]


_ACTING = frozenset(key.action for key in TABLE if key.acting)


def is_acting(action: str) -> bool:
    """Whether an action changes a run."""
    return action in _ACTING
