"""The shapes that carry meaning beside colours, and plain letters for terminals that lack them."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from typing import Final, NamedTuple


class Glyphs(NamedTuple):
    """One shape a status; marks and lines."""

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
    starting="~", running="*", stopping="%", finished="+", stopped="#", aborted="!", failed="x", killed="X",
    hung="o", lost="?", quiet="-", act="!", warn="!", info="-", cleared="o", done="+", bad="x", pending="...",
    cursor=">", chosen="@", pinned="^", opened="-", closed="+", bar="=", bar_rest="-", dot="-", rule="-",
    rising="^", falling="v", spark="._-=*#",
)  # fmt: skip


def choose(environ: Mapping[str, str] = os.environ) -> Glyphs:
    """ASCII by GUARD_ASCII=1 or where the locale is not UTF-8; shapes otherwise."""
    if environ.get("GUARD_ASCII", "") not in ("", "0"):
        return ASCII
    encoding = locale.getpreferredencoding(False).lower().replace("-", "")
    return UNICODE if encoding == "utf8" else ASCII
