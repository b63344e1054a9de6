"""What `guard audit` prints, and the block of the sixteen items on the page of a run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from guardrun.cli.output import cells, padded, screen_width, shortened, shortened_middle
from guardrun.cli.terminal import styled
from guardrun.judging.audit import QUESTIONS, Answered, Audit, ways_of, worst_state
from guardrun.judging.checklist import Judged
from guardrun.judging.checklist_model import Answer, State
from guardrun.reading.plain_text import plain
from guardtui.glyphs import Glyphs, choose

_WIDEST: Final = 100
_IN_FULL: Final = 3
"""Runs that are shown with all evidence; of more, one line each."""
_NAME: Final = 24
_WORDS: Final[dict[State, str]] = {"pass": "yes", "fail": "no", "unknown": "open"}
_STYLES: Final[dict[State, tuple[str, ...]]] = {
    "pass": ("green",),
    "fail": ("red", "bold"),
    "unknown": ("yellow",),
}
_HEADS: Final = ("config", "sanity", "leak", "best", "seeds", "cost")
_COLUMN: Final = 7
_LEAST_NAME: Final = 18
_BESIDE: Final = 13
_COLUMN_WIDEST: Final = 32


def audit_page(audits: Sequence[Audit], *, width: int | None = None) -> list[str]:
    """The lines to print, at most ``width`` cells each (default: the terminal's, up to 100)."""
    width = screen_width(_WIDEST) if width is None else width
    glyphs = choose()
    if len(audits) > _IN_FULL:
        return [*_table(audits, glyphs, width), "", *_summary(audits, glyphs, width)]
    lines: list[str] = []
    for each in audits:
        lines += [*_full(each, glyphs, width), ""]
    return lines[:-1]


def mark(state: State, glyphs: Glyphs) -> str:
    return {"pass": glyphs.done, "fail": glyphs.bad, "unknown": "?"}[state]


def _full(audit: Audit, glyphs: Glyphs, width: int) -> Iterator[str]:
    facts = audit.facts
    verdict: dict[State, str] = {
        "pass": "may be declared",
        "fail": "not to be declared",
        "unknown": "questions are open",
    }
    head = f"{mark(audit.verdict, glyphs)} {verdict[audit.verdict]}"
    name = shortened(plain(facts.name), max(12, width - cells(head) - 2))
    yield f"{styled(head, *_STYLES[audit.verdict])}  {styled(name, 'bold')}"
    yield styled(f"  {shortened_middle(plain(facts.path), width - 2)}", "dim")
    for answer in audit.answers:
        yield ""
        yield from _question(answer, glyphs, width)
    answers = (part for answered in audit.answers for _, _, part in answered.parts)
    ways = ways_of(audit, answers)
    if ways:
        yield ""
        yield styled("to turn it green", "bold")
        for way in ways:
            yield from textwrap.wrap(
                plain(way),
                width,
                initial_indent=f"  {glyphs.dot} ",
                subsequent_indent="    ",
                break_on_hyphens=False,
            )


def _question(answered: Answered, glyphs: Glyphs, width: int) -> Iterator[str]:
    state = answered.state
    sign = padded(f"{mark(state, glyphs)} {_WORDS[state]}", 7)
    yield f"{styled(sign, *_STYLES[state])}{styled(answered.question.text, 'bold')}"
    for name, _, answer in answered.parts:
        yield from _part(name, answer, glyphs, width)


def _part(name: str, answer: Answer, glyphs: Glyphs, width: int) -> Iterator[str]:
    """One item: its mark, its name and its evidence, with the file that shows it."""
    where = f" [{shortened_middle(plain(answer.file), 40)}]" if answer.file else ""
    text = plain(answer.text) + where
    head = styled(f"  {mark(answer.state, glyphs)} ", *_STYLES[answer.state])
    label = padded(name, _NAME)
    wrapped = textwrap.wrap(text, max(20, width - _NAME - 4), break_on_hyphens=False) or [""]
    for part in wrapped:
        yield f"{head}{styled(label, 'dim')}{shortened(part, width - _NAME - 4)}"
        head, label = "    ", " " * _NAME


def _table(audits: Sequence[Audit], glyphs: Glyphs, width: int) -> Iterator[str]:
    """One line a run: the verdict and the six answers."""
    room = max(_LEAST_NAME, width - 2 - _COLUMN * len(_HEADS))
    yield styled(padded("  run", room + 2) + "".join(padded(head, _COLUMN) for head in _HEADS), "dim")
    for each in sorted(audits, key=lambda audit: ("fail", "unknown", "pass").index(audit.verdict)):
        name = padded(shortened_middle(plain(each.facts.run_id), room - 1), room)
        answers = "".join(
            styled(padded(f"{mark(one.state, glyphs)} {_WORDS[one.state]}", _COLUMN), *_STYLES[one.state])
            for one in each.answers
        )
        yield f"{styled(mark(each.verdict, glyphs), *_STYLES[each.verdict])} {name}{answers}".rstrip()


def _summary(audits: Sequence[Audit], glyphs: Glyphs, width: int) -> Iterator[str]:
    """For each question that is not green everywhere: how many runs, and what the first of the worst says."""
    total = len(audits)
    for number, question in enumerate(QUESTIONS):
        answers = [each.answers[number] for each in audits]
        state = worst_state(answer.state for answer in answers)
        if state == "pass":
            continue
        count = sum(answer.state != "pass" for answer in answers)
        name, _, answer = next(answer for answer in answers if answer.state == state).deciding
        yield styled(f"{mark(state, glyphs)} {question.text}: {count} of {total} runs", *_STYLES[state])
        for text in (f"{name}: {plain(answer.text)}", f"do: {plain(answer.next)}" if answer.next else ""):
            yield from textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ")
    good = sum(each.verdict == "pass" for each in audits)
    yield f"{good} of {total} runs may be declared"


def checklist_block(items: Sequence[Judged], *, width: int | None = None) -> list[str]:
    """All sixteen in two columns, and which command says more; ``width`` is that beside a page's labels."""
    width = screen_width(_WIDEST) - _BESIDE if width is None else width
    glyphs = choose()
    rows = (len(items) + 1) // 2
    column = min(width // 2, _COLUMN_WIDEST)
    lines = []
    for row in range(rows):
        parts = []
        for judged in items[row::rows]:
            label = padded(f"{judged.item.id:>2} {judged.item.name}", column - 2)
            state = judged.answer.state
            parts.append(styled(mark(state, glyphs), *_STYLES[state]) + " " + label)
        lines.append("".join(parts).rstrip())
    return lines
