"""What `guard signals` prints: of a few logs all there is to say, of many one line each."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from guardrun.cli.output import cells, padded, screen_width, shortened, shortened_middle
from guardrun.cli.run_words import over_words, raised_words, would_words
from guardrun.cli.signal_block import signal_block, worst_standing_first
from guardrun.cli.terminal import styled
from guardrun.following.offline import Stop, Verdict, VerdictWord
from guardrun.reading.plain_text import plain
from guardrun.signals.model import SEVERITY_ORDER, Signal
from guardtui import formatting
from guardtui.glyphs import Glyphs, choose

_WIDEST: Final = 100
_IN_FULL: Final = 5
"""Logs that are shown with all that is to be said; of more, one line each."""
_MOST_OVER: Final = 5
_DOT: Final = " · "
_WORST: Final[dict[VerdictWord, int]] = {"abort": 0, "stop": 1, "watch": 2, "ok": 3}
_STYLES: Final = {"abort": ("red", "bold"), "stop": ("red",), "watch": ("yellow",), "ok": ("green",)}
_DONE: Final = {"stop": "stopped", "abort": "aborted"}
_VERDICT, _SIGNAL, _STEP, _SAVED = 7, 18, 11, 6
_NUMBERS: Final = _STEP + _SAVED + 4
_BESIDE_NAME: Final = _VERDICT + _SIGNAL + 4
_NARROW: Final = 66
"""Below so many columns the table has no numbers: names matter more."""


def signals_page(verdicts: Sequence[Verdict], *, width: int | None = None) -> list[str]:
    """The lines to print, at most ``width`` cells each (default: the terminal's, up to 100)."""
    width = screen_width(_WIDEST) if width is None else width
    glyphs = choose()
    ordered = sorted(verdicts, key=lambda verdict: (_WORST[verdict.verdict], -_weight(verdict)))
    lines: list[str] = []
    if len(ordered) > _IN_FULL:
        names = _short_names([plain(verdict.case.name) for verdict in ordered])
        lines.append(_header(width))
        lines += [_row(verdict, name, glyphs, width) for verdict, name in zip(ordered, names, strict=True)]
        lines.append("")
    else:
        for verdict in ordered:
            lines += [*_full(verdict, glyphs, width), ""]
    if len(ordered) != 1:
        return lines + list(_summary(ordered, width))
    return lines[:-1]


def _weight(verdict: Verdict) -> int:
    return max((SEVERITY_ORDER[signal.severity] + 1 for signal in verdict.standing), default=0)


def _shape(verdict: Verdict, glyphs: Glyphs) -> str:
    shapes = {"abort": glyphs.aborted, "stop": glyphs.stopped, "watch": glyphs.warn, "ok": glyphs.finished}
    return f"{shapes[verdict.verdict]} {verdict.verdict}"


def _full(verdict: Verdict, glyphs: Glyphs, width: int) -> Iterator[str]:
    case = verdict.case
    styles = _STYLES[verdict.verdict]
    head, form = _shape(verdict, glyphs), plain(case.format)
    name = shortened_middle(plain(case.name), max(12, width - cells(head) - cells(form) - 6))
    yield f"{styled(head, *styles)}  {styled(name, 'bold')}  {styled(form, 'dim')}"
    yield styled(f"  {shortened_middle(plain(str(case.source)), width - 2)}", "dim")
    yield from _wrapped(_facts(verdict, glyphs), width)
    if verdict.stop is not None:
        words, *rest = _stop_lines(verdict.stop)
        yield from (styled(line, *styles) for line in _wrapped(words, width))
        for line in rest:
            yield from _wrapped(line, width)
    for note in case.notes[:_MOST_OVER]:
        yield from _wrapped(f"note: {plain(note)}", width)
    if not verdict.signals:
        yield from _wrapped("no signal was raised", width)
    known = worst_standing_first(verdict.signals)
    hidden = max(0, len(known) - len(verdict.standing) - _MOST_OVER)
    for signal in known[: len(known) - hidden]:
        yield ""
        yield from (f"  {line}" for line in signal_block(signal, _place(signal), glyphs, width - 2))
    if hidden:
        yield ""
        yield styled(f"  and {hidden} more that were over before the end", "dim")


def _facts(verdict: Verdict, glyphs: Glyphs) -> str:
    """How much there was to judge, and by what."""
    case = verdict.case
    parts = [f"{verdict.steps:,} steps", f"{verdict.evaluations:,} evaluations"]
    if verdict.seconds is not None:
        parts.append(formatting.duration(verdict.seconds))
    if case.settings.monitor is not None:
        arrow = glyphs.rising if case.settings.mode == "max" else glyphs.falling
        parts.append(f"{plain(case.settings.monitor)} {arrow}")
    parts += [f"{case.train_loss} train loss", "judged now, to its end"]
    return _DOT.join(parts)


def _stop_lines(stop: Stop) -> Iterator[str]:
    time = f" ({formatting.duration(stop.saved_seconds)})" if (stop.saved_seconds or 0) >= 1 else ""
    saved = f"{_share(stop.saved_fraction)} of the run saved{time}"
    done = _DONE[stop.action]
    if stop.only_observed:
        yield f"would have {done} at step {stop.step:,} if {stop.id} were not only observed: {saved}"
    else:
        yield f"would have {done} here at step {stop.step:,}, because of {stop.id}: {saved}"
    yield _hindsight(stop)


def _hindsight(stop: Stop) -> str:
    """What the rest of the log says about the stop."""
    later, metric = stop.later, plain(stop.later.metric)
    if later.wrong is None:
        missing = "is no validation" if not metric else f"is no {metric} before it"
        return f"whether that would have been right cannot be told: there {missing}"
    before = formatting.number(later.best_before)
    if later.best_after is None:
        return f"right: no finite {metric} came after it; its best was {before}"
    after, where = formatting.number(later.best_after), f" at step {later.step:,}" if later.step else ""
    if later.wrong:
        gain = _share(later.gain or 0.0)
        return f"it would have been wrong: {metric} improved {gain} later, {before} to {after}{where}"
    if (later.gain or 0.0) > 0:
        return f"right: {metric} improved by less than 1% later, {before} to {after}{where}"
    return f"right: {metric} never beat its {before} again, {after} was the best later"


def _place(signal: Signal) -> str:
    parts = [raised_words(signal), over_words(signal) or "stands at the end"]
    if signal.action in _DONE:
        parts.append(f"would have {_DONE[signal.action]}")
    elif signal.would_do is not None:
        parts.append(would_words(signal))
    return ", ".join(parts)


def _header(width: int) -> str:
    heads = [padded("verdict", _VERDICT), padded("log", _name_width(width)), padded("signal", _SIGNAL)]
    if width >= _NARROW:
        heads += [padded("step", _STEP, right=True), padded("saved", _SAVED, right=True)]
    return styled("  ".join(heads), "dim")


def _name_width(width: int) -> int:
    return width - _BESIDE_NAME - (_NUMBERS if width >= _NARROW else 0)


def _short_names(names: Sequence[str]) -> list[str]:
    """The names without the folders that all of them are in."""
    parts = [name.split("/") for name in names]
    shared = 0
    while all(len(each) > shared + 1 and each[shared] == parts[0][shared] for each in parts):
        shared += 1
    return ["/".join(each[shared:]) for each in parts]


def _both_ends(text: str, width: int) -> str:
    """Names of siblings differ anywhere, most often near their ends."""
    if cells(text) <= width:
        return text
    head = (width - 1) // 3
    tail = width - 1 - head
    return shortened(f"{text[:head]}…{text[-tail:]}", width)


def _row(verdict: Verdict, name: str, glyphs: Glyphs, width: int) -> str:
    stop = verdict.stop
    acts = stop is not None and not stop.only_observed
    shown = next((s for s in verdict.signals if acts and stop and s.id == stop.id), None)
    if shown is None and verdict.standing:
        shown = worst_standing_first(verdict.standing)[0]
    signal = "" if shown is None else f"{getattr(glyphs, shown.severity)} {plain(shown.id)}"
    step = f"{stop.step:,}" if acts and stop else "" if shown is None else f"{shown.raised_at:,}"
    saved = _share(stop.saved_fraction) if acts and stop else ""
    wrong = " wrong" if acts and stop and stop.later.wrong else ""
    name_width = _name_width(width) - len(wrong)
    parts = [
        styled(padded(_shape(verdict, glyphs), _VERDICT), *_STYLES[verdict.verdict]),
        padded(_both_ends(name, name_width), name_width),
        padded(signal, _SIGNAL),
    ]
    if width >= _NARROW:
        parts += [padded(step, _STEP, right=True), padded(saved, _SAVED, right=True)]
    parts[-1] += wrong
    return "  ".join(parts).rstrip()


def _summary(verdicts: Sequence[Verdict], width: int) -> Iterator[str]:
    """Counts, and what the automatic stops come to together."""
    if not verdicts:
        return
    counts = Counter(verdict.verdict for verdict in verdicts)
    told = ", ".join(f"{counts[word]} {word}" for word in _WORST if counts[word])
    yield from textwrap.wrap(f"{len(verdicts)} logs: {told}", width)
    stops = [v.stop for v in verdicts if v.stop is not None and not v.stop.only_observed]
    if not stops:
        return
    saved = sum(stop.saved_fraction for stop in stops) / len(verdicts)
    wrong = sum(stop.later.wrong is True for stop in stops)
    unknown = sum(stop.later.wrong is None for stop in stops)
    untold = f", {unknown} cannot be told" if unknown else ""
    words = f"{len(stops)} would have been ended early ({wrong} wrongly{untold})"
    yield from textwrap.wrap(f"{words}: on average {_share(saved)} of a run saved", width)


def _share(fraction: float) -> str:
    """``62%``, ``3.1%``."""
    value = 100 * fraction
    return f"{value:.0f}%" if value >= 10 or value == 0 else f"{value:.1f}%"


def _wrapped(text: str, width: int) -> list[str]:
    return [f"  {part}" for part in textwrap.wrap(text, max(20, width - 2), break_on_hyphens=False)]
