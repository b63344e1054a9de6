"""The help page: every key from the table, and what the shapes mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guardrun.state.model import Status
from guardtui.glyphs import ASCII, Glyphs
from guardtui.keys import SECTIONS, Where, keys_for
from guardtui.text import Bit, Line, column, line, wrapped
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.filtering import HELP

_KEYS = 13
_EXAMPLE = 19


def help_lines(
    width: int,
    g: Glyphs,
    *,
    readonly: bool,
    places: Sequence[Where] = (),
    idle: Mapping[str, str] | None = None,
) -> list[Line]:
    """All sections, fitted to ``width``; those of ``places``, where the person came from, first, and
    there why a key can do nothing now (``idle``: by action)."""
    lines = [
        line(
            ("Keys", "title"), ("   read-only: nothing can be stopped from here" if readonly else "", "warn")
        )
    ]
    for where, title in sorted(SECTIONS, key=lambda section: _order(section[0], places)):
        keys = list(keys_for(where, readonly=readonly))
        if not keys or (where == "stop" and readonly):
            continue
        lines += [(), line((title, "accent"))]
        for key in keys:
            why = (idle or {}).get(key.action, "") if where in places else ""
            words = f"{key.help} (not now: {why})" if why else key.help
            rows = wrapped(words, max(20, width - _KEYS - 2), "dim" if why else "text")
            for number, row in enumerate(rows):
                lines.append((Bit(f"  {column(key.shown if number == 0 else '', _KEYS - 1)} ", "key"), *row))
    return [*lines, *_filter(width), (), line(("Shapes", "accent")), *_shapes(width, g), *_marks(width, g)]


def _order(where: Where, places: Sequence[Where]) -> int:
    return places.index(where) if where in places else len(places)


def _filter(width: int) -> list[Line]:
    """The language of the filter, by examples."""
    lines = [(), line(("Filter", "accent"), ("  a space is AND, | is OR, - is NOT", "dim"))]
    for example, meaning in HELP:
        for number, row in enumerate(wrapped(meaning, max(20, width - _EXAMPLE - 2))):
            lines.append((Bit(f"  {column(example if number == 0 else '', _EXAMPLE - 1)} ", "key"), *row))
    return lines


def _shapes(width: int, g: Glyphs) -> list[Line]:
    lines = []
    for status in Status:
        face = status_face(status, g)
        for number, row in enumerate(wrapped(_MEANINGS[status], max(20, width - _KEYS))):
            words = f"  {face.shape} {column(face.word, _KEYS - 4)}" if number == 0 else " " * _KEYS
            lines.append((Bit(words, face.tone), *row))
    marks = line(
        (f"  {g.act}", "bad"),
        " severe  ",
        (f"{g.warn}", "warn"),
        " warning  ",
        (f"{g.info}", "info"),
        " remark  ",
        (f"{g.cleared}", "dim"),
        " cleared",
    )
    return [*lines, (), line(("Signals", "accent")), marks]


def _marks(width: int, g: Glyphs) -> list[Line]:
    """What stands on the charts."""
    from guardtui.chart.ink import ASCII as LETTERS
    from guardtui.chart.ink import BRAILLE  # numpy: not before the first frame

    shapes = (LETTERS if g is ASCII else BRAILLE).marks
    lines = [(), line(("On charts", "accent"))]
    for name, meaning in _ON_CHARTS:
        for number, row in enumerate(wrapped(meaning, max(20, width - 4))):
            lines.append((Bit(f"  {shapes[name]} " if number == 0 else " " * 4, "key"), *row))
    return lines


_ON_CHARTS = (
    ("best", "the best checkpoint"), ("last", "the last checkpoint"), ("signal", "a severe signal"),
    ("warning", "a warning"), ("notice", "a remark"), ("nonfinite", "values that were NaN or infinite"),
    ("stop", "a stop"), ("resume", "a resume"), ("lr", "a jump of the learning rate"),
)  # fmt: skip
_MEANINGS = {
    Status.QUEUED: "its job waits in the scheduler's queue",
    Status.STARTING: "no step yet",
    Status.RUNNING: "training",
    Status.STOPPING: "a safe stop is under way",
    Status.FINISHED: "ended by itself, by patience or by budget",
    Status.STOPPED: "ended because somebody asked for it",
    Status.ABORTED: "ended because of a signal",
    Status.FAILED: "an exception or an exit code",
    Status.KILLED: "SIGKILL, out of memory, or a forced stop",
    Status.HUNG: "alive without progress",
    Status.LOST: "its host is gone or silent",
    Status.QUIET: "a log of another tool that does not grow and tells no end",
}
