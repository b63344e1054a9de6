"""In the output of a training, errors and warnings can be found by the eye."""

from __future__ import annotations

import pytest

from guardtui.glyphs import UNICODE
from guardtui.viewmodel.console import Row, drawn, rows_of

LINES = [
    ("Traceback (most recent call last):", "bad"),
    ("RuntimeError: CUDA out of memory", "bad"),
    ("torch.cuda.OutOfMemoryError: tried to allocate", "bad"),
    ("KeyboardInterrupt", "text"),
    ("2026-11-29 12:00:00 ERROR loader: no such file", "bad"),
    ("/a/b.py:12: UserWarning: not writable", "warn"),
    ("WARNING:root:slow disk", "warn"),
    ("epoch 3: Error rate 0.2, no warnings", "text"),
    ("val/error 0.2", "text"),
]


@pytest.mark.parametrize(("text", "tone"), LINES)
def test_a_line_has_the_tone_of_what_it_tells(text, tone):
    (shown,) = drawn([Row(7, text)], "", None, UNICODE)

    assert [bit.tone for bit in shown[1:]] == [tone]


def test_all_rows_of_a_line_have_its_tone_and_matches_theirs():
    rows = rows_of(1, "ValueError: " + "lr " * 20, 30, wrap=True) + rows_of(2, "epoch", 30, wrap=True)
    shown = drawn(rows, "lr", None, UNICODE)

    assert len(shown) > 3
    assert all({bit.tone for bit in each[1:] if bit.text.strip()} <= {"bad", "found"} for each in shown[:-1])
    assert [bit.tone for bit in shown[-1][1:] if bit.text] == ["text"]
