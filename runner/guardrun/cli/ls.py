"""``guard ls``: one line a run, worst signal first."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from guardrun.cli.output import (
    cells,
    exit_code_for,
    json_options,
    padded,
    runs_dir_default,
    screen_width,
    shortened,
    shortened_middle,
    write_json,
)
from guardrun.cli.terminal import styled
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.state.model import RunState
    from guardtui.glyphs import Glyphs

_WIDEST: Final = 160
_LONGEST_ID: Final = 60
_STATUS, _DONE, _BEST, _SIGNAL, _AGE = 10, 5, 8, 16, 4
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?=.*_)")
_GAP: Final = "  "
_BESIDE_ID: Final = _STATUS + _DONE + _BEST + _SIGNAL + _AGE + 5 * len(_GAP)


@click.command("ls")
@click.argument("paths", nargs=-1, type=click.Path(readable=False, path_type=Path), metavar="[PATH]...")
@json_options
def command(paths: tuple[Path, ...], as_json: bool, json_file: Path | None, fail_on: str | None) -> int:
    """List the runs, and the logs of other tools, at or below PATH (default: runs/), worst signal first.

    Columns: status, run (its id without the date), how far, best value of the monitored metric, worst
    standing signal, time since the last event.
    """
    from guardrun.following.as_json import ls_json

    states = _states(paths or (Path(runs_dir_default()),), given=bool(paths))
    write_json(ls_json(states), to_stdout=as_json, file=json_file)
    if not as_json:
        _print(states, paths)
    return exit_code_for(states, fail_on)


def _states(paths: tuple[Path, ...], *, given: bool) -> list[RunState]:
    from guardrun.cli.foreign_logs import states_below
    from guardrun.cli.run_words import worst_first
    from guardrun.following.run_follower import RunFollower
    from guardrun.reading.discovery import find_runs, unreadable

    for path in paths:
        if unreadable(path):
            raise UserError(f"{path} cannot be read: permission denied")
        if not path.exists():
            hint = "" if given else "start one with `guard run`, or say where they are: `guard ls PATH`"
            raise UserError(
                f"no such path: {path}" if given else f"no runs yet: there is no {path}/ here", hint=hint
            )
    states, runs = [], []
    for run in find_runs(paths):
        follower = RunFollower(run)
        follower.catch_up()
        states.append(follower.state())
        follower.close()
        runs.append(follower)
    return worst_first([*states, *states_below(paths, runs)])


def _print(states: list[RunState], paths: tuple[Path, ...]) -> None:
    from guardtui.glyphs import choose

    if not states:
        where = " or ".join(str(path) for path in paths) or runs_dir_default()
        click.echo(f"no runs below {where}")
        return
    glyphs, width, now = choose(), screen_width(_WIDEST), time.time()
    id_width = max(12, min(width - _BESIDE_ID, _LONGEST_ID, max(cells(_short_id(state)) for state in states)))
    click.echo(_header(id_width))
    for state in states:
        click.echo(_line(state, glyphs, id_width, width, now))


def _header(id_width: int) -> str:
    heads = (
        padded("status", _STATUS), padded("run", id_width), padded("done", _DONE, right=True),
        padded("best", _BEST, right=True), padded("signal", _SIGNAL), padded("age", _AGE, right=True),
    )  # fmt: skip
    return styled(_GAP.join(heads).rstrip(), "dim")


def _line(state: RunState, glyphs: Glyphs, id_width: int, width: int, now: float) -> str:
    from guardrun.cli.run_words import age_seconds, done_words, signal_words, status_words
    from guardrun.following.episodes import worst_active
    from guardrun.reading.plain_text import plain
    from guardtui import formatting

    status, status_styles = status_words(state, glyphs)
    signal, signal_styles = signal_words(state, glyphs)
    best = state.monitor.best if state.monitor is not None else None
    parts: list[str] = [
        styled(padded(status, _STATUS), *status_styles),
        padded(shortened_middle(_short_id(state), id_width), id_width),
        padded(done_words(state), _DONE, right=True),
        padded(formatting.number(best), _BEST, right=True),
        styled(padded(signal, _SIGNAL), *signal_styles),
        padded(formatting.age(age_seconds(state, now)), _AGE, right=True),
    ]
    worst = worst_active(state.signals)
    room = width - id_width - _BESIDE_ID - len(_GAP)
    if worst is not None and room >= 20:
        parts.append(styled(shortened(plain(worst.message), room), "dim"))
    return _GAP.join(parts).rstrip()


def _short_id(state: RunState) -> str:
    """The id without its date and time: commands find a run by that as well."""
    from guardrun.reading.plain_text import plain

    return plain(_STAMP.sub("", state.run_id, count=1))
