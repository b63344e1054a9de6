"""The lines around the list of runs: what is listed, why it is empty, what the filter makes of its text."""

from __future__ import annotations

from collections.abc import Sequence

from guardtui.glyphs import Glyphs
from guardtui.snapshot import Snapshot
from guardtui.text import Bit, Line, clean, fit, line, packed, shorten, spread, wrapped
from guardtui.viewmodel.filtering import Filter
from guardtui.viewmodel.grouping import GROUPINGS
from guardtui.viewmodel.listing import Listed, Wish
from guardtui.viewmodel.ordering import order_of

_LONGEST_FILTER = 30


def title_line(
    snapshot: Snapshot, listed: Listed, wish: Wish, width: int, g: Glyphs, *, chosen: int = 0
) -> Line:
    """``guard · 7 runs in runs/ · 2 live · 1 with a severe signal``; the order at the right."""
    runs = snapshot.runs
    live, calling, hung = listed.live, listed.calling, listed.hung
    number = f"{len(runs)} run{'s' * (len(runs) != 1)}"
    shown = shorten(clean(wish.sought.text), _LONGEST_FILTER) if wish.sought.clauses else ""
    where = f"{len(listed.runs)} of {number} with “{shown}”"
    left = packed(
        (
            line(("guard", "title")),
            line((where if shown and runs else "", "warn")),
            line((f"{number} in {_places(snapshot.roots)}" if runs and not shown else "", "text")),
            line((f"{g.chosen} {chosen} selected" if chosen else "", "accent")),
            line((f"{live} live" if live else "", "accent")),
            line((f"{g.act} {calling} with a severe signal" if calling else "", "bad")),
            line((f"{g.hung} {hung} hung" if hung else "", "bad")),
            line((f"{listed.hidden} hidden" if listed.hidden else "", "dim")),
            line(("reading…" if snapshot.loading else "", "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width,
    )
    return spread(left, line((_arranged_words(wish, g), "dim")) if runs else (), width)


def _arranged_words(wish: Wish, g: Glyphs) -> str:
    words = order_of(wish.order).name + (", reversed" if wish.reverse else "")
    by = wish.grouping
    if not by:
        return words
    return f"by {shorten(clean(by), _LONGEST_FILTER)} {g.dot} {words}"


def _places(roots: Sequence[str]) -> str:
    return ", ".join(clean(root) for root in roots)


def verdict_line(typed: Filter, standing: Filter, matches: int, width: int) -> Line:
    """The line under the filter's field: what is not understood and where, else how many runs match."""
    if typed.problem is not None:
        place = f"character {typed.problem.at + 1}: "
        kept = "" if not standing.clauses else f"  (still listed: “{clean(standing.text)}”)"
        return fit(line((place, "warn"), (clean(typed.problem.words), "warn"), (kept, "dim")), width)
    if not typed.text.strip():
        return fit(
            line(("words, or name:x status:live signal:nan params.lr>=1e-3 val/loss<0.4", "dim")), width
        )
    by = f", grouped by {clean(typed.by)}" if typed.by and typed.by not in GROUPINGS else ""
    number = "no run matches" if not matches else f"{matches} run{'s' * (matches != 1)}"
    return fit(line((number + by, "good" if matches else "warn")), width)


def empty_lines(
    snapshot: Snapshot, listed: Listed, wish: Wish, width: int, *, demo: bool = False
) -> list[Line]:
    """What to do when there is nothing to list; ``demo``: a key starts one."""
    if snapshot.runs:
        text = clean(wish.sought.text)
        said = f"No run matches “{text}”. Press / to change the filter, esc to clear it." if text else ""
        if listed.hidden:
            said = f"{said} {listed.hidden} hidden: press . to show them.".strip()
        return [(), *wrapped(said, width, "warn")]
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
        *_commands(width),
        *(_demo_offer(width) if demo else ()),
    ]


def _demo_offer(width: int) -> list[Line]:
    """The key, and what it does."""
    words = "start the demo here: it trains in the background, and its run appears by itself"
    first, *rest = wrapped(words, max(20, width - 9))
    return [
        (),
        line(("or press ", "dim")),
        (),
        (Bit("  enter  ", "key"), *first),
        *((Bit(" " * 9), *each) for each in rest),
    ]


_COMMANDS = (
    ("guard run config.yaml", "under supervision"),
    ("guard run -- python train.py", "any command"),
    ("guard demo", "half a minute on the CPU, nothing to prepare"),
)


def _commands(width: int) -> list[Line]:
    """Each command with what it is, beside it or, where there is no room, without."""
    widest = max(len(command) for command, _ in _COMMANDS)
    room = max(len(meaning) for _, meaning in _COMMANDS) + widest + 6 <= width
    return [
        line(
            ("    " if room else "  "),
            (command.ljust(widest), "accent"),
            (f"  {meaning}" if room else "", "dim"),
        )
        for command, meaning in _COMMANDS
    ]
