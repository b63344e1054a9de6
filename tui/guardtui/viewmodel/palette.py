"""The command palette: everything that can be done here, found by words. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from guardtui.glyphs import Glyphs
from guardtui.keys import OWNERS, Where, keys_for
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, clean, column, fit, line, spread
from guardtui.viewmodel.faces import status_face

_UNTOLD: Final = ("move", "scroll", "edge", "choose", "close", "back", "palette")
"""Actions that nobody looks for by name."""


class Entry(NamedTuple):
    """One thing to do."""

    name: str
    shown: str = ""
    """Its key, or what it is now."""
    action: str = ""
    run: Path | None = None
    """The run that it goes to, instead of an action."""
    words: str = ""
    """More words by which it is found."""
    shape: Bit | None = None
    is_key: bool = False


class Setting(NamedTuple):
    """A setting as the palette offers it."""

    name: str
    action: str
    now: bool = False
    """Whether it is like this now."""
    words: str = ""
    """More words by which it is found."""


def entries(
    places: Sequence[Where],
    settings: Iterable[Setting],
    runs: Iterable[RunView],
    g: Glyphs,
    *,
    readonly: bool,
    idle: Container[str] = (),
) -> list[Entry]:
    """Keys of these places but those of ``idle`` actions, then settings, then runs."""
    found = [
        Entry(key.help, key.shown, OWNERS.get(place, "focused.") + key.action, words=key.label, is_key=True)
        for place in (*places, "everywhere")
        for key in keys_for(place, readonly=readonly)
        if (key.action.partition("(")[0] not in _UNTOLD or key.label) and key.action not in idle
    ]
    found += [
        Entry(each.name, f"{g.done} now" if each.now else "", each.action, words=each.words)
        for each in settings
    ]
    for view in runs:
        face = status_face(view.state.status, g)
        name = clean(view.state.name) or clean(view.path.name)
        words = " ".join((face.word, clean(view.state.group or ""), clean(view.path.name)))
        found.append(
            Entry(
                f"go to run {name}", face.word, run=view.path, words=words, shape=Bit(face.shape, face.tone)
            )
        )
    return found


def matching(every: Sequence[Entry], typed: str) -> list[Entry]:
    """Entries that hold every word, the best first; all of them while nothing is typed."""
    words = typed.casefold().split()
    if not words:
        return list(every)
    ranked = [(rank, number) for number, each in enumerate(every) if (rank := _rank(each, words)) is not None]
    return [every[number] for _, number in sorted(ranked)]


def _rank(entry: Entry, words: Sequence[str]) -> int | None:
    """0 is best; None: does not match."""
    name, label = entry.name.casefold(), entry.words.casefold()
    total = 0
    for word in words:
        if label.startswith(word) or name.startswith(word) or word == entry.shown.casefold():
            continue
        if f" {word}" in f" {name} {label}":
            total += 1
        elif word in name or word in label:
            total += 2
        else:
            return None
    return total


def palette_lines(found: Sequence[Entry], width: int) -> list[Line]:
    """One line an entry: what it does, and its key at the right."""
    return [_entry_line(each, width) for each in found]


def _entry_line(entry: Entry, width: int) -> Line:
    shown = line((entry.shown, "key" if entry.is_key else "dim"))
    room = max(1, width - sum(len(bit.text) for bit in shown) - 2)
    shape = line(entry.shape, " ") if entry.shape else ()
    left = fit((*shape, Bit(entry.name)), room)
    return spread(left, shown, width) if shown else line(column(entry.name, width))


def window_of(count: int, chosen: int, top: int, room: int) -> int:
    """The first entry to be shown, so that the chosen one is in view.

    >>> window_of(30, 12, 0, 10), window_of(30, 2, 5, 10), window_of(5, 4, 3, 10)
    (3, 2, 0)
    """
    return min(max(top, chosen - room + 1), chosen, max(0, count - room))
