"""The lines around the list of runs: what is listed, why it is empty, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from guardrun.state.model import Status
from guardtui.glyphs import Glyphs
from guardtui.snapshot import Snapshot
from guardtui.text import Bit, Line, clean, line, packed, spread, wrapped
from guardtui.viewmodel.faces import worst_severity
from guardtui.viewmodel.ordering import ORDERS


def title_line(snapshot: Snapshot, listed: int, order: int, text: str, width: int, g: Glyphs) -> Line:
    """``guard · 7 runs in runs/ · 2 running · 1 needs you``; the order at the right."""
    runs = snapshot.runs
    live = sum(view.state.status.live for view in runs)
    calling = sum(worst_severity(view.state) == 3 and view.state.status.live for view in runs)
    hung = sum(view.state.status is Status.HUNG for view in runs)
    number = f"{len(runs)} run{'s' * (len(runs) != 1)}"
    shown = clean(text)
    left = packed(
        (
            line(("guard", "title")),
            line((f"{listed} of {number} with “{shown}”" if shown and runs else "", "warn")),
            line((f"{number} in {_places(snapshot.roots)}" if runs and not shown else "", "text")),
            line((f"{live} live" if live else "", "accent")),
            line((f"{g.act} {calling} with a severe signal" if calling else "", "bad")),
            line((f"{g.hung} {hung} hung" if hung else "", "bad")),
            line(("reading…" if snapshot.loading else "", "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )
    right = line((ORDERS[order % len(ORDERS)].name, "dim"))
    return spread(left, right if runs else (), width)


def _places(roots: Sequence[str]) -> str:
    return ", ".join(clean(root) for root in roots)


def empty_lines(snapshot: Snapshot, text: str, width: int) -> list[Line]:
    """What to do when there is nothing to list."""
    if snapshot.runs:
        return [
            (),
            *wrapped(
                f"No run matches “{clean(text)}”. Press / to change the filter, esc to clear it.",
                width,
                "warn",
            ),
        ]
    if snapshot.loading:
        return [(), line((f"Looking for runs in {_places(snapshot.roots)} …", "dim"))]
    return [
        (),
        *wrapped(f"No runs in {_places(snapshot.roots)} yet.", width, "strong"),
        (),
        *wrapped(
            "A run is a folder with run.json or events.jsonl. New ones appear here by themselves.",
            width,
            "text",
        ),
        (),
        line(("Start one in another terminal:", "dim")),
        (),
        line(("    guard run config.yaml", "accent"), ("             under supervision", "dim")),
        line(("    guard run -- python train.py", "accent"), ("      any command", "dim")),
        line(("    guard demo", "accent"), ("                        half a minute on the CPU", "dim")),
    ]
