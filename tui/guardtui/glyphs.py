"""The shapes that carry meaning beside colours, and plain letters for terminals that lack them."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from typing import Final, NamedTuple


class Glyphs(NamedTuple):
    """One shape a status; marks and lines."""

    queued: str = "◷"
    starting: str = "◔"
    running: str = "●"
    stopping: str = "◐"
    finished: str = "✓"
    stopped: str = "■"
    aborted: str = "▲"
    failed: str = "✗"
    killed: str = "✖"
    hung: str = "◌"
    lost: str = "?"
    quiet: str = "–"
    act: str = "▲"
    warn: str = "△"
    info: str = "·"
    cleared: str = "○"
    done: str = "✓"
    bad: str = "✗"
    pending: str = "…"
    cursor: str = "▌"
    chosen: str = "◆"
    pinned: str = "★"
    opened: str = "▾"
    closed: str = "▸"
    bar: str = "━"
    bar_rest: str = "─"
    dot: str = "·"
    rule: str = "─"
    rising: str = "↑"
    falling: str = "↓"
    spark: str = "▁▂▃▄▅▆▇█"


UNICODE: Final = Glyphs()
ASCII: Final = Glyphs(
    queued="q", starting="~", running="*", stopping="%", finished="+", stopped="#", aborted="!", failed="x",
    killed="X", hung="o", lost="?", quiet="-", act="!", warn="!", info="-", cleared="o", done="+", bad="x",
    pending="...", cursor=">", chosen="@", pinned="^", opened="-", closed="+", bar="=", bar_rest="-", dot="-",
    rule="-", rising="^", falling="v", spark="._-=*#",
)  # fmt: skip


def choose(environ: Mapping[str, str] = os.environ) -> Glyphs:
    """ASCII by GUARD_ASCII=1 or where the locale is not UTF-8; shapes otherwise, and by GUARD_ASCII=0."""
    wished = environ.get("GUARD_ASCII", "")
    if wished:
        return UNICODE if wished == "0" else ASCII
    if _is_c_locale(environ):
        return ASCII
    encoding = locale.getpreferredencoding(False).lower().replace("-", "")
    return UNICODE if encoding == "utf8" else ASCII


def _is_c_locale(environ: Mapping[str, str]) -> bool:
    """Whether somebody asked for the C locale. Python then goes on in UTF-8 and makes LC_CTYPE C.UTF-8, so
    that the encoding does not tell."""
    of_all = environ.get("LC_ALL", "")
    if of_all:
        return of_all in _C
    return environ.get("LANG", "") in _C and environ.get("LC_CTYPE", "") in ("", "C", "POSIX", "C.UTF-8")


_C: Final = ("C", "POSIX")
