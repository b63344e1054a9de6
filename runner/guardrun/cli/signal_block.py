"""One signal on a page of text: what, where, why, what to do, what would change its mind."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from guardrun.cli.output import cells, shortened
from guardrun.cli.run_words import evidence_words, signal_shape, signal_styles
from guardrun.cli.terminal import styled
from guardrun.reading.plain_text import plain
from guardrun.signals.model import SEVERITY_ORDER, Signal
from guardtui.glyphs import Glyphs

_LEAST = 20


def worst_standing_first(signals: Iterable[Signal]) -> list[Signal]:
    """What stands, worst first and acknowledged last; then what was cleared, newest first."""
    known = list(signals)
    standing = [signal for signal in known if signal.cleared_at is None]
    standing.sort(
        key=lambda s: (s.acknowledged_at is not None, -SEVERITY_ORDER[s.severity], -s.raised_at)
    )  # fmt: skip
    return standing + [signal for signal in reversed(known) if signal.cleared_at is not None]


def signal_block(signal: Signal, place: str, glyphs: Glyphs, width: int) -> Iterator[str]:
    """Lines of at most ``width`` cells; one that is over takes but its sentence."""
    shape, word = signal_shape(signal, glyphs)
    head = shortened(f"{shape} {word} {plain(signal.id)}", width - 2)
    if cells(head) + 2 + cells(place) <= width:
        yield f"{styled(head, *signal_styles(signal))}  {place}"
    else:
        yield styled(head, *signal_styles(signal))
        yield from (f"  {part}" for part in textwrap.wrap(place, max(_LEAST, width - 2)))
    details = [("", plain(signal.message))]
    if signal.cleared_at is None:
        details.append(("why:    ", evidence_words(signal.evidence)))
        details.append(("do:     ", plain(signal.advice)))
        details.append(("unless: ", plain(signal.would_change)))
    for label, detail in details:
        indent = " " * len(label)
        for number, part in enumerate(textwrap.wrap(detail, max(_LEAST, width - 2 - len(label)))):
            yield f"  {indent if number else label}{part}"
