"""What the terminal can do, told to the toolkit before it starts: how many colours, how keys arrive.

The toolkit goes by the name of the terminal alone: it takes any other than ``…-256color`` for one of sixteen
colours, and a VT100 for a coloured one. Here the terminal's own entry in terminfo decides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final

from textual import constants, events
from textual._xterm_parser import XTermParser

TRUE: Final = 1 << 24
_FEW: Final = 8
_MANY: Final = 256
_FAR_ESCAPE_S: Final = 0.3
"""Over a network the bytes of one key may come apart: so long Esc waits for what may follow it."""
_REST_S: Final = 1.0
"""What began as a key's sequence is waited for as long as this: nobody types ``ESC [`` by hand."""
_BEGUN: Final = re.compile(r"\x1b(?:O|\[[<?\d;:]*)\Z")
_GOES_ON: Final = "[O\x1b"
"""What behind Esc may be the second byte of a key's sequence."""
_TORN: Final = re.compile(r"\x1b\[[<?\d;:]")
"""A sequence whose end got lost: no keys that somebody pressed."""


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


class BehindEscape(events.Key):
    """A key whose byte came together with that of Esc: Alt and this key, or Esc and then this key."""


def patient_keys() -> None:
    """A key whose sequence arrives in pieces is that key, and Esc with another key behind it is two keys.

    Calling it again changes nothing.
    """
    if XTermParser.feed is not _feed:
        _set(XTermParser, "feed", _feed)
        _set(XTermParser, "tick", _tick)


_FEED: Final = XTermParser.feed
_TICK: Final = XTermParser.tick


def _feed(self: XTermParser, data: str) -> Iterable[Any]:
    """The toolkit's own, but for Esc: it would swallow the next key, or take both for something else."""
    if not data:
        yield from _FEED(self, data)
        return
    for at, char in enumerate(data):
        begun: str = getattr(self, "_guard_begun", "")
        if begun == "\x1b" and char not in _GOES_ON and not _is_back_tab(char):
            yield from _alone(self, char, together=at > 0)
            continue
        yield from _FEED(self, char)
        begun = "" if self._timeout_time is None else "\x1b" if char == "\x1b" else begun + char
        _set(self, "_guard_begun", begun)
    if self._timeout_time is not None and _BEGUN.search(begun):
        self._timeout_time += _REST_S


def _alone(self: XTermParser, char: str, *, together: bool) -> Iterable[Any]:
    """Esc was a key of its own, and this is another one."""
    _set(self, "_guard_begun", "")
    escape = list(_expired(self))
    if not together:
        yield from escape
        yield from _FEED(self, char)
        return
    keys = list(_FEED(self, char))
    yield from (BehindEscape(key.key, key.character) if isinstance(key, events.Key) else key for key in keys)


def _expired(self: XTermParser) -> Iterable[Any]:
    """What the toolkit makes of what has begun when nothing follows."""
    self._timeout_time = 0.0
    return _TICK(self)


def _tick(self: XTermParser) -> Iterable[Any]:
    """The toolkit's own; what had begun as a sequence and was none is Esc and keys, or nothing."""
    begun: str = getattr(self, "_guard_begun", "")
    found = list(_TICK(self))
    if self._timeout_time is not None:
        return
    _set(self, "_guard_begun", "")
    if len(begun) < 2 or not found:
        yield from found
    elif not _TORN.match(begun):
        yield events.Key("escape", "\x1b")
        for char in begun[1:]:
            yield from self._sequence_to_key_events(char)


def _is_back_tab(char: str) -> bool:
    return char == "\t" and os.environ.get("TERM", "").startswith("linux")


def _set(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)
