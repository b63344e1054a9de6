"""As much of a terminal as is needed to know what a program shows: text, places, and nothing of colours."""

from __future__ import annotations

import codecs
import re
from typing import Final

from rich.cells import cell_len

_PART: Final = re.compile(
    r"\x1b\[(?P<arguments>[0-9;?<>=]*)[ -/]*(?P<final>[@-~])"  # CSI
    r"|\x1b[P\]X^_].*?(?:\x07|\x1b\\)"  # strings: titles, answers, notifications
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f])"
    r"|(?P<text>[^\x00-\x1f\x1b]+)",
    re.DOTALL,
)


class Screen:
    """A grid of characters; bytes go in by ``feed``."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows = [[" "] * width for _ in range(height)]
        self._x = self._y = 0
        self._rest = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def feed(self, sent: bytes) -> None:
        """Take what a program wrote; an escape sequence that is cut off waits for its end."""
        text = self._rest + self._decode(sent)
        cut = text.rfind("\x1b")
        self._rest = ""
        if cut >= 0 and len(text) - cut < 64 and not _PART.match(text, cut):
            text, self._rest = text[:cut], text[cut:]
        for part in _PART.finditer(text):
            if part["text"]:
                self._write(part["text"])
            elif part["final"]:
                self._command(part["final"], part["arguments"])
            elif part["control"] == "\n":
                self._y = min(self.height - 1, self._y + 1)
                self._x = 0
            elif part["control"] == "\r":
                self._x = 0

    def _write(self, text: str) -> None:
        row = self._rows[self._y]
        plain = text.isascii()
        for char in text:
            wide = 1 if plain else cell_len(char)
            if self._x + wide > self.width:
                return
            row[self._x] = char
            if wide == 2:
                row[self._x + 1] = ""
            self._x += wide

    def _command(self, final: str, arguments: str) -> None:
        numbers = [int(word) if word.isdigit() else 0 for word in arguments.split(";")]
        if final in "Hf":
            self._y = min(self.height, max(1, numbers[0])) - 1
            self._x = min(self.width, max(1, numbers[1] if len(numbers) > 1 else 1)) - 1
        elif final == "J":
            self._rows = [[" "] * self.width for _ in range(self.height)]
        elif final == "K":
            self._rows[self._y][self._x :] = [" "] * (self.width - self._x)

    @property
    def text(self) -> str:
        """The screen, row by row."""
        return "\n".join("".join(row).rstrip() for row in self._rows)
