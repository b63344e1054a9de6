"""Runs in groups: by what, and what a group's head says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, clean, fit, line, packed, shorten
from guardtui.viewmodel.faces import active_signals, severity_face
from guardtui.viewmodel.filter_facts import Facts, words_of

_LONGEST: Final = 40
"""Cells of a group's name, so that what is told of it stays near."""
_ROOMY: Final = 100
"""From this width on the metric is named; below that its numbers come first."""
GROUPINGS: Final[Mapping[str, Callable[[RunView], str]]] = {
    "": lambda view: "",
    "group": lambda view: view.state.group or "",
    "name": lambda view: view.state.name,
    "status": lambda view: view.state.status.value,
    "host": lambda view: view.state.host,
}
"""By what the key groups; a key of the configuration is typed into the filter as ``by:KEY``."""


def next_grouping(by: str) -> str:
    """What the key chooses after this one."""
    names = list(GROUPINGS)
    return names[(names.index(by) + 1) % len(names)] if by in names else ""


def group_name(by: str, view: RunView, facts: Callable[[RunView], Facts]) -> str:
    """The group of a run; "" for none."""
    if by in GROUPINGS:
        return GROUPINGS[by](view)
    found = facts(view).configured(by)
    return ", ".join(words_of(value) for value in found)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that share a name, in the order of the list; drawn as a row of its own."""

    by: str
    name: str
    views: tuple[RunView, ...]
    closed: bool

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same while runs come and go."""
        return (self.by, self.name)


def grouped(
    views: Sequence[RunView], by: str, closed: frozenset[tuple[str, str]], facts: Callable[[RunView], Facts]
) -> list[Group]:
    """The groups in the order of their first runs."""
    found: dict[str, list[RunView]] = {}
    for view in views:
        found.setdefault(group_name(by, view, facts), []).append(view)
    return [Group(by, name, tuple(members), (by, name) in closed) for name, members in found.items()]


def head(group: Group, width: int, g: Glyphs) -> Line:
    """``▾ lr-sweep  12 runs · 3 live · △ overfit · best val/loss 0.3301 · mean 0.352 ± 0.012``."""
    arrow = g.closed if group.closed else g.opened
    none = f"no {group.by}" if group.by in GROUPINGS else f"without {clean(group.by)}"
    title = clean(group.name) or none
    if group.by not in GROUPINGS and group.name:
        title = f"{clean(group.by)} {title}"
    title = shorten(title, min(_LONGEST, max(8, width // 2)))
    told = packed(
        _summary(group, g, named=width >= _ROOMY), Bit(f" {g.dot} ", "dim"), max(0, width - 4 - _cells(title))
    )
    return fit((Bit(f"{arrow} ", "dim"), Bit(title, "strong"), Bit("  "), *told), width)


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _summary(group: Group, g: Glyphs, *, named: bool) -> tuple[Line, ...]:
    count = len(group.views)
    live = sum(view.state.status.live for view in group.views)
    return (
        line((f"{count} run{'s' * (count != 1)}", "text")),
        line((f"{live} live" if live else "", "accent")),
        _worst(group, g),
        *_metric(group, g, named=named),
    )


def _worst(group: Group, g: Glyphs) -> Line:
    standing = active_signals(signal for view in group.views for signal in view.state.signals)
    if not standing:
        return ()
    face = severity_face(standing[0], g)
    runs = sum(any(s.id == standing[0].id for s in active_signals(v.state.signals)) for v in group.views)
    many = f" in {runs}" if runs > 1 else ""
    return line((f"{face.shape} {clean(standing[0].id)}{many}", face.tone))


def _metric(group: Group, g: Glyphs, *, named: bool) -> tuple[Line, ...]:
    """Best and mean ± standard deviation of the best values, where the runs share one metric."""
    found = bests(group.views)
    if found is None:
        return ()
    name, best, mean, deviation, count = found
    spread = ""
    if count > 1:
        pm = "±" if g.spark[0] != "." else "+-"
        spread = f"mean {formatting.number(mean)} {pm} {formatting.number(deviation)}"
        spread += f" of {count}" if count < len(group.views) else ""
    return (
        line(
            (f"best {shorten(clean(name), 24)} " if named else "best ", "dim"),
            (formatting.number(best), "strong"),
        ),
        line((spread, "text")),
    )


def bests(views: Sequence[RunView]) -> tuple[str, float, float, float, int] | None:
    """Metric, best of all, mean and sample deviation of the runs' best values, and how many have one.

    None where none has one, or where the runs are monitored by different metrics.
    """
    monitors = [view.state.monitor for view in views if view.state.monitor is not None]
    if len({(monitor.name, monitor.mode) for monitor in monitors}) != 1:
        return None
    values = [m.best for m in monitors if m.best is not None and math.isfinite(m.best)]
    if not values:
        return None
    best = max(values) if monitors[0].mode == "max" else min(values)
    count = len(values)
    mean = sum(value / count for value in values)
    if count < 2:
        return (monitors[0].name, best, mean, 0.0, count)
    size = max(abs(value - mean) for value in values) or 1.0
    squares = sum(((value - mean) / size) ** 2 for value in values)
    return (monitors[0].name, best, mean, size * math.sqrt(squares / (count - 1)), count)
