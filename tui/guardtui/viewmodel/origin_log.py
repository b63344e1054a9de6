"""Of a log of another tool: what it is, which files, and which of its columns is what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from guardrun.events.schema import Event
from guardrun.state.log_words import LOG
from guardrun.state.model import RunState
from guardrun.state.values import table, whole, words
from guardtui.text import Line, line, wrapped
from guardtui.viewmodel.paragraphs import LABEL, facts

_MOST: Final = 40
_LOSSES: Final = {
    "running": "measured while training", "evaluated": "measured in evaluation mode",
}  # fmt: skip


def log_sections(
    state: RunState, told: Mapping[str, Sequence[Event]], width: int
) -> Iterator[tuple[str, list[Line]]]:
    """Nothing for a run of guard's own."""
    if not state.source:
        return
    log: Mapping[str, Any] = next(iter(told.get(LOG, ())), {})
    yield "Log", _about(state, log, width)
    renamed = table(log.get("renamed"))
    if renamed:
        yield "Names", _names(renamed, width)


def _about(state: RunState, log: Mapping[str, Any], width: int) -> list[Line]:
    files = [path for path in log.get("files", ()) if isinstance(path, str)]
    more = whole(log.get("more_files")) or 0
    pairs = [("format", state.source), *(("file", path) for path in files[:_MOST])]
    hidden = more + len(files[_MOST:])
    pairs += [("", f"and {hidden} more files")] if hidden else []
    pairs += [
        ("train loss", _LOSSES.get(words(log.get("train_loss")), "")),
        ("judged", "here, by the rules of every run; nothing is recorded"),
    ]
    lines = facts(tuple(pairs), width)
    return lines + wrapped(
        "Not started by guard: it is watched where it lies and cannot be stopped from here.", width, "dim"
    )


def _names(renamed: Mapping[str, Any], width: int) -> list[Line]:
    """``train/loss ← loss``: as it is stored, and as the log says it."""
    pairs = sorted((words(name), raw) for raw, name in renamed.items())
    longest = max((len(name) for name, _ in pairs), default=0)
    lines = facts(
        ((name, f"from {raw}") for name, raw in pairs[:_MOST]), width,
        label_width=max(LABEL, min(longest, width // 2)),
    )  # fmt: skip
    if len(pairs) > _MOST:
        lines.append(line((f"and {len(pairs) - _MOST} more", "dim")))
    return lines
