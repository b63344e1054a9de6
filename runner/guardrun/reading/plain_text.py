"""Untrusted text made safe for a terminal, a table cell and a tired eye."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SEQUENCES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, APC ...
    r"|\x1b[ -/]*[0-~]"  # every other escape, and the start of an unfinished one
)
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that Unicode calls printable and no terminal draws."""
_TAB: Final = "    "


def plain(text: str) -> str:
    """One line of text that cannot act on a terminal.

    Escape sequences go whole (CSI, OSC, DCS ...), as do C0 and C1 controls, bidirectional overrides and
    zero-width characters. Tabs become four spaces; line breaks and odd spaces become one space, so the
    result is a single line: split first where lines matter. Lone surrogates, private and unassigned code
    points become U+FFFD, so that the result can always be encoded.

    >>> plain("\\x1b[31mloss\\x1b[0m\\tis \\u202eNaN\\n")
    'loss    is NaN '
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, _SEQUENCES.sub("", text)))


def _shown(char: str) -> str:
    if char.isprintable():
        return "" if char in _INVISIBLE else char
    if char == "\t":
        return _TAB
    category = unicodedata.category(char)
    if category[0] == "Z" or char in "\n\r\v\f\x85":
        return " "
    return "" if category in ("Cc", "Cf") else "\ufffd"
