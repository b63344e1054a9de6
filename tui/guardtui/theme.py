"""Looks: dark, light, high contrast, and the terminal's own colours.

Every colour of ours is one of the 256 of xterm, so that tmux and a true-colour terminal show the
same. Contrast with the background is at least 4.5 to 1 for every tone that is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from textual.theme import BUILTIN_THEMES, Theme

from guardtui.text import Tone

TONES: Final[tuple[Tone, ...]] = (
    "text", "dim", "strong", "title", "good", "warn", "bad", "info", "accent", "key", "rest", "danger",
    "found",
)  # fmt: skip

DARK: Final = Theme(
    name="guard-dark",
    dark=True,
    primary="#5fafff", secondary="#87afd7", accent="#5fafff", warning="#ffd75f", error="#ff8787",
    success="#87d787", foreground="#d0d0d0", background="#121212", surface="#121212", panel="#262626",
    variables={
        "guard-dim": "#9e9e9e", "guard-strong": "#eeeeee", "guard-info": "#87afd7", "guard-rest": "#4e4e4e",
        "guard-selected": "#303030", "guard-line": "#3a3a3a",
    },
)  # fmt: skip
LIGHT: Final = Theme(
    name="guard-light",
    dark=False,
    primary="#005faf", secondary="#5f5f87", accent="#005faf", warning="#875f00", error="#af0000",
    success="#005f00", foreground="#303030", background="#ffffff", surface="#ffffff", panel="#eeeeee",
    variables={
        "guard-dim": "#585858", "guard-strong": "#080808", "guard-info": "#5f5f87", "guard-rest": "#bcbcbc",
        "guard-selected": "#e4e4e4", "guard-line": "#d0d0d0",
    },
)  # fmt: skip
CONTRAST: Final = Theme(
    name="guard-contrast",
    dark=True,
    primary="#87d7ff", secondary="#d7d7ff", accent="#87d7ff", warning="#ffff5f", error="#ffafaf",
    success="#afffaf", foreground="#ffffff", background="#000000", surface="#000000", panel="#000000",
    variables={
        "guard-dim": "#dadada", "guard-strong": "#ffffff", "guard-info": "#afd7ff", "guard-rest": "#8a8a8a",
        "guard-selected": "#444444", "guard-line": "#bcbcbc",
    },
)  # fmt: skip
TERMINAL: Final = Theme(
    name="guard-terminal",
    dark=True,
    ansi=True,
    primary="ansi_cyan", secondary="ansi_blue", accent="ansi_cyan", warning="ansi_yellow", error="ansi_red",
    success="ansi_green", foreground="ansi_default", background="ansi_default", surface="ansi_default",
    panel="ansi_default", boost="ansi_default",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "guard-dim": "ansi_default", "guard-strong": "ansi_default", "guard-info": "ansi_cyan",
        "guard-rest": "ansi_default", "guard-selected": "ansi_default", "guard-line": "ansi_bright_black",
    },
)  # fmt: skip
THEMES: Final = (DARK, LIGHT, CONTRAST, TERMINAL)

NAMES: Final = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST, "terminal": TERMINAL}
"""By what people call them."""


def first_theme(environ: Mapping[str, str] = os.environ) -> str:
    """The look to start with: GUARD_THEME (one of ``NAMES``), else what COLORFGBG tells, else dark.

    With NO_COLOR the terminal's own colours are used, which are then none.
    """
    wished = NAMES.get(environ.get("GUARD_THEME", ""))
    if wished is not None:
        return wished.name
    if environ.get("NO_COLOR"):
        return TERMINAL.name
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name


def remembered_theme(saved: str, environ: Mapping[str, str] = os.environ) -> str:
    """The look that was chosen last, unless the environment asks for one or for none."""
    asked = environ.get("GUARD_THEME", "") in NAMES or environ.get("NO_COLOR")
    known = any(theme.name == saved for theme in THEMES)
    return saved if known and not asked else first_theme(environ)


def next_theme(name: str) -> str:
    """The look after this one."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
