"""Which charts a person asked for by typing part of their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from guardtui.text import clean
from guardtui.viewmodel.chart_choice import Choice

PATTERN = "re:"
"""Before a regular expression."""


class Filtered(NamedTuple):
    """The charts that match, and what is wrong with the pattern ("" when nothing is)."""

    choices: list[Choice]
    problem: str = ""


def filtered(choices: Sequence[Choice], text: str) -> Filtered:
    """Charts in whose title or series' names every word occurs, in any case; ``re:`` begins a pattern.

    A pattern that is not finished yet filters nothing: the charts stay while it is typed.
    """
    text = text.strip()
    if not text.lower().startswith(PATTERN):
        words = text.lower().split()
        return Filtered([choice for choice in choices if _has_words(choice, words)])
    try:
        pattern = re.compile(text[len(PATTERN) :].strip(), re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return Filtered(list(choices), f"no pattern yet: {clean(error)}")
    return Filtered([choice for choice in choices if any(pattern.search(name) for name in _names(choice))])


def _has_words(choice: Choice, words: Sequence[str]) -> bool:
    names = " ".join(_names(choice)).lower()
    return all(word in names for word in words)


def _names(choice: Choice) -> tuple[str, ...]:
    return (choice.title, *(line.name for line in choice.lines))
