"""Text from a run is untrusted: nothing of it may act on a terminal or deceive an eye."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.reading.plain_text import plain

HOSTILE = st.sampled_from(
    ["\x1b", "\x1b[", "\x9b", "\x1b]0;", "\x07", "\x1b\\", "\x9c", "\x1bP", "\u202e", "\u2066", "\u200b",
     "\ufeff", "\r", "\n", "\t", "\x00", "\x7f", "\x85", "\u2028", "\ud800", "31m", "\u3164",
     "é", "損失", "a"]
)  # fmt: skip


@given(st.lists(HOSTILE | st.text(max_size=3), max_size=20).map("".join))
def test_no_control_and_no_invisible_character_survives(text: str) -> None:
    """Whatever goes in, what comes out is one encodable line of drawable characters."""
    shown = plain(text)

    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)
    assert shown.encode("utf-8").decode() == shown
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, as it is", "plain text, as it is"),
        ("損失 0.5 – gut ✓", "損失 0.5 – gut ✓"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x9b31mred", "red"),
        ("\x1b]0;new title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\after", "after"),
        ("\x1b_payload\x9cafter", "after"),
        ("\x1b]52;c;unfinished", "52;c;unfinished"),
        ("\x1bcreset", "reset"),
        ("\x1b(Bset", "set"),
        ("loss\u202e txt.exe", "loss txt.exe"),
        ("pass\u200bword\ufeff", "password"),
        ("a\tb", "a    b"),
        ("two\nlines\r\n", "two lines  "),
        ("\x00\x08\x7fx", "x"),
        ("no\u00a0break", "no break"),
        ("lone \ud83d surrogate", "lone \ufffd surrogate"),
    ],
)
def test_sequences_go_whole_and_words_stay(text: str, shown: str) -> None:
    assert plain(text) == shown
