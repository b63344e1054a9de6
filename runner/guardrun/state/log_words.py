"""Logs of other tools in words for people. Pure."""

from __future__ import annotations

from typing import Final

LOG: Final = "foreign_log"
"""The kind under which a follower tells what is known of such a log: its files, the names of its columns."""
_KINDS: Final = (
    " event files",
    " trainer_state.json",
    " JSON lines",
    " rows in a JSON list",
    " CSV",
    " JSON",
    " text",
)


def tool_of(form: str) -> str:
    """The tool that writes the format, or the format where no tool is known.

    >>> [tool_of(form) for form in ("TensorBoard event files", "Lightning CSV", "DeepSpeed text", "CSV")]
    ['TensorBoard', 'Lightning', 'DeepSpeed', 'CSV']
    """
    for kind in _KINDS:
        if form.endswith(kind):
            return form.removesuffix(kind)
    return form


def log_words(form: str) -> str:
    """``TensorBoard log``."""
    return f"{tool_of(form)} log"
