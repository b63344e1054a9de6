"""``guard watch --once``: what the dashboard shows, as text for scripts."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from guardrun.cli.terminal import styled
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardtui.snapshot import Snapshot, Wants
    from guardtui.text import Line

_READ_LIMIT_S: Final = 60.0
"""A list on a slow disk is printed after this time with what was read until then."""
_PLAIN_WIDTH: Final = 120
_NARROWEST: Final = 40
_STYLES: Final = {
    "dim": ("dim",), "strong": ("bold",), "title": ("bold",), "good": ("green",), "warn": ("yellow",),
    "bad": ("red", "bold"), "danger": ("red", "bold"), "accent": ("cyan",), "key": ("cyan",),
    "info": ("cyan",), "rest": ("dim",),
}  # fmt: skip


def print_once(paths: Sequence[Path], *, run: Path | None = None, sought: str = "") -> int:
    """The list of runs, or one run, on standard output; the exit code: 1 when nothing could be read.

    Raises UserError for a filter that is not understood.
    """
    from guardtui import glyphs
    from guardtui.snapshot import Snapshot, Wants
    from guardtui.viewmodel.filtering import parse

    wanted = parse(sought)
    if wanted.problem is not None:
        raise UserError(
            f"--filter, character {wanted.problem.at + 1}: {wanted.problem.words}",
            hint="`?` in `guard watch` shows the language, and so does docs/dashboard.md",
        )
    wants = Wants(curves=(run,) if run is not None else (), metrics=wanted.metrics)
    read, complete, problem = _read(paths, wants)
    shapes, width = glyphs.choose(), _width()
    snapshot = Snapshot.of(
        read.runs, curves=read.curves, loading=not complete, roots=tuple(str(path) for path in paths)
    )
    if problem:
        click.echo(f"guard: {problem}", err=True)
    view = snapshot.by_path.get(run) if run is not None else None
    if view is not None:
        from guardtui.chart.ink import choose_ink
        from guardtui.viewmodel.run_page import run_page

        ink = choose_ink(ascii_only=shapes is glyphs.ASCII)
        _print_lines(run_page(view, snapshot.curves.get(view.path), width, shapes, ink))
    elif snapshot.runs or not problem:
        from guardtui.viewmodel.fleet_page import page_lines

        _print_lines(page_lines(snapshot, width, shapes, wanted))
    return int(bool(problem) and not snapshot.runs)


def _width() -> int:
    """COLUMNS, else the terminal's; without a terminal a page's."""
    wished = os.environ.get("COLUMNS", "")
    if wished.isdecimal() and int(wished):
        return max(_NARROWEST, int(wished))
    if sys.stdout.isatty():
        return max(_NARROWEST, shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns)
    return _PLAIN_WIDTH


def _read(paths: Sequence[Path], wants: Wants) -> tuple[Snapshot, bool, str]:
    """Every run, whether all of their history was read in time, and what could not be read."""
    from guardrun.following.fleet import Fleet
    from guardtui.feed import Reader
    from guardtui.snapshot import Snapshot
    from guardtui.text import clean

    fleet = Fleet(paths)
    reader = Reader(())
    latest = Snapshot()
    deadline = time.monotonic() + _READ_LIMIT_S
    problem = ""
    try:
        while True:
            latest = reader.read(fleet, wants) or latest
            done = fleet.searched and not (reader.loading or reader.pending)
            if done or time.monotonic() > deadline:
                break
    except Exception as error:  # an odd file is told, not thrown at a script
        problem = f"cannot read the runs ({type(error).__name__}: {clean(error)})"
    finally:
        fleet.close()
    return latest, not reader.loading, problem or latest.problem


def _print_lines(lines: Sequence[Line]) -> None:
    for bits in lines:
        print("".join(styled(bit.text, *_STYLES.get(bit.tone, ())) for bit in bits).rstrip())
