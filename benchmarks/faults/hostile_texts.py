"""Texts that command a terminal, a table, a browser or an eye, each with a mark to find it by."""

from __future__ import annotations

import random
from typing import Final

MARK: Final = "zq"
"""Stands in every text, right behind what would act: ``<zq7``, ``ESC ] 0 ; zq7``."""
_PIECES: Final = (
    "\x1b]0;{m}\x07", "\x1b]0;{m}\x1b\\", "\x9d0;{m}\x9c", "\x1b[77;{n}H", "\x1b[6n", "\x1b[2J",
    "\x1b[?1049l", "\x9b31m", "\x1b[77;{n}z", "\x1bP+q{m}\x1b\\", "\x90q{m}\x9c", "\x1b_G{m}\x1b\\",
    "\x1b^{m}\x1b\\", "\x1bX{m}\x1b\\", "\x1bc", "\x1b(0", "\x1b]8;;http://{m}\x07click\x1b]8;;\x07",
    "\x1b]52;c;{m}\x07", "\x1b]1337;File={m}\x07", "\x1b", "\x1b[", "\x1b]", "\x07", "\x08", "\x7f",
    "\x00", "\x0e", "\x05", "\x84", "\x85", "\x9f", "\r", "\n", "\r\n", "\t", "\x0b", "\x0c", "\u202e",
    "\u202d", "\u2066", "\u2069", "\u200f", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u2028", "\u2029",
    "\u061c", "\u115f", "\u3164", "\ufff9", "\U000e0041", "\ue000", "\uffff", "\u0378",
    "a\u0301\u0301\u0301", "日本", "👨‍👩‍👧", "<script>{m}()</script>", "<{m} onload=x>", "\"><{m}>",
    "'><{m}>", "</style><{m}>", "</title><{m}>", "<!--{m}", "]]><{m}>", "&lt;{m}&gt;", "&#60;{m}",
    "javascript:{m}", "\" {m}=\"1", "' {m}='1", "<svg/{m}>", "<img src={m}>", "[red]{m}[/red]",
    "[@click=app.quit]{m}[/]", "[link=x]{m}", "[/]", "[[", "{{{m}}}", "{{0}}", "%s%n", "$({m})",
    "`{m}`", "../../{m}", "/etc/{m}", "; rm -rf {m}", "=cmd|' /C {m}'!A0", "x" * 300, " " * 80,
    "%0a{m}", "\\x1b[31m{m}", "\\u202e",
)  # fmt: skip


def hostile_text(number: int, chance: random.Random) -> str:
    """The text of one trial: every piece comes up, alone and with others, between two marks."""
    mark = f"{MARK}{number}"
    first = _PIECES[number % len(_PIECES)]
    pieces = [first, *chance.choices(_PIECES, k=chance.choice((0, 1, 3)))]
    body = "".join(piece.format(m=mark, n=number % 90 + 10) for piece in pieces)
    return f"{mark}{body}{mark}"
