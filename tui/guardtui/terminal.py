"""What the terminal can do, told to the toolkit before it starts: how many colours, how keys arrive.

The toolkit goes by the name of the terminal alone: it takes any other than ``…-256color`` for one of sixteen
colours, and a VT100 for a coloured one. Here the terminal's own entry in terminfo decides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final

from textual import constants
from textual._xterm_parser import XTermParser

TRUE: Final = 1 << 24
_FEW: Final = 8
_MANY: Final = 256
_FAR_ESCAPE_S: Final = 0.3
"""Over a network the bytes of one key may come apart: so long Esc waits for what may follow it."""
_REST_S: Final = 1.0
"""What began as a key's sequence is waited for as long as this: nobody types ``ESC [`` by hand."""
_BEGUN: Final = re.compile(r"\x1b(?:O|\[[<?\d;:]*)\Z")


def terminfo_colors(term: str) -> int | None:
    """Colours by the terminal's entry; None where there is none, or no terminfo. One name a process."""
    try:
        import curses

        curses.setupterm(term or None, 1)
        return max(0, curses.tigetnum("colors"))
    except Exception:  # no terminfo on this system, a damaged entry, a closed standard output
        return None


def colors(
    environ: Mapping[str, str] = os.environ, entry: Callable[[str], int | None] = terminfo_colors
) -> int:
    """How many colours the terminal shows: 0 (none, or not wanted), 8, 16, 256 or 2^24."""
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or term == "dumb":
        return 0
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return TRUE
    if "256color" in term:
        return _MANY
    known = entry(term)
    if known is not None:
        return min(known, _MANY)
    return 0 if re.match(r"vt\d", term) else _FEW


def prepare(environ: MutableMapping[str, str] = os.environ) -> None:
    """Tell the toolkit; to be called before its app is made."""
    if environ.get("NO_COLOR") == "":
        del environ["NO_COLOR"]  # the toolkit takes an empty one for a wish
    count = colors(environ)
    if not count:
        environ["NO_COLOR"] = "1"
    elif count == _MANY:
        _set(constants, "COLOR_SYSTEM", "256")
    if count < _MANY:
        environ.setdefault("GUARD_THEME", "terminal")  # colours of ours would only be guessed by its few
    far = environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") or environ.get("MOSH_CONNECTION")
    if far and not environ.get("ESCDELAY"):
        _set(constants, "ESCAPE_DELAY", max(_FAR_ESCAPE_S, constants.ESCAPE_DELAY))
    patient_keys()


def patient_keys() -> None:
    """A key whose sequence arrives in pieces is that key. Calling it again changes nothing."""
    if XTermParser.feed is not _feed:
        _set(XTermParser, "feed", _feed)


_FEED: Final = XTermParser.feed


def _feed(self: XTermParser, data: str) -> Iterable[Any]:
    """The toolkit's own; then, amid a sequence, a longer wait than after a lone Esc."""
    tail = getattr(self, "_guard_tail", "")
    yield from _FEED(self, data)
    tail = (tail + data)[-40:]
    self._guard_tail = tail  # type: ignore[attr-defined]
    if self._timeout_time is not None and _BEGUN.search(tail):
        self._timeout_time += _REST_S


def _set(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)
