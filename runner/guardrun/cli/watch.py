"""``guard watch``: the dashboard, or the same list as text."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from guardrun.cli.terminal import interactive
from guardrun.cli.watch_once import print_once
from guardrun.errors import UserError


@click.command("watch", short_help="Open the dashboard over every run below the paths.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--once", is_flag=True, help="Print the list of runs, or one RUN, as text, and end.")
@click.option("--filter", "sought", metavar="TEXT", default="", help="With --once: list only these runs.")
@click.option("--readonly", is_flag=True, help="Hide every key that changes a run.")
@click.option(
    "--ascii", "plain", is_flag=True, help="Draw with letters alone, for terminals without braille."
)
@click.option(
    "--on-act", metavar="CMD", default="",
    help="Run this shell command on a new act signal and when a run ends badly; it finds GUARD_RUN, "
    "GUARD_SIGNAL and GUARD_MESSAGE in its environment.",
)  # fmt: skip
@click.option("--replay", metavar="RUN", help="Play a recorded run again, as if it were live.")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="With --replay: how many times as fast as it was.",
)
def command(
    paths: tuple[str, ...], once: bool, sought: str, readonly: bool, plain: bool, on_act: str,
    replay: str | None, speed: float,
) -> int:  # fmt: skip
    """Open the dashboard over every run below the PATHs (default: runs/).

    A PATH may be a folder with runs or with logs of other tools (TensorBoard, Hugging Face, Lightning …), a
    run directory, such a log, or a run's id or name below runs/. Where there is no terminal the list is
    printed once.
    """
    if plain:
        os.environ["GUARD_ASCII"] = "1"
    if replay is not None:
        _replay(_recorded(replay, paths, once=once), speed)
        return 0
    found = [_existing(path) for path in paths] or [Path(os.environ.get("GUARDRUN_RUNS_DIR") or "runs")]
    focus = _focus(found[0]) if len(found) == 1 else None
    if once or not interactive() or os.environ.get("TERM") == "dumb":
        return print_once(found, run=focus, sought=sought)
    if sought:
        raise UserError("--filter goes with --once", hint="in the dashboard press /")
    from guardtui.app import run_dashboard

    run_dashboard(found, focus=focus, readonly=readonly, on_act=on_act)
    return 0


def _focus(path: Path) -> Path | None:
    """The run, or the log of another tool, that is meant alone and opened at once."""
    from guardrun.events.paths import is_run_directory

    if not path.is_file():
        return path if is_run_directory(path) else None
    from guardrun.cli.foreign_logs import logs_below

    return next(iter(logs_below([path])), None)


def _recorded(spec: str, paths: Sequence[str], *, once: bool) -> Path:
    """The run to be played. Raises UserError when there is none, or nothing to play it on."""
    from guardrun.following.replay import playable
    from guardrun.reading.discovery import resolve_run

    if paths or once:
        raise UserError("--replay RUN plays one run: it goes with neither a PATH nor --once")
    if not interactive() or os.environ.get("TERM") == "dumb":
        raise UserError("--replay needs a terminal", hint="`guard show RUN` prints the run as text")
    source = resolve_run(spec, os.environ.get("GUARDRUN_RUNS_DIR") or "runs")
    problem = playable(source)
    if problem:
        raise UserError(problem)
    return source


def _replay(source: Path, speed: float) -> None:
    """The dashboard on a copy that grows; the copy goes when the dashboard is left."""
    from guardrun.following.replay import play
    from guardtui.app import run_dashboard

    ended = threading.Event()
    problems: list[str] = []

    def keep_playing(root: Path) -> None:
        try:
            play(source, root, speed, ended)
        except OSError as error:
            problems.append(f"the replay ended early: {error}")

    with tempfile.TemporaryDirectory(prefix="guard-replay-") as folder:
        root = Path(folder)
        _leave_nothing(root)
        player = threading.Thread(target=keep_playing, args=(root,), name="guard-replay", daemon=True)
        player.start()
        try:
            run_dashboard([root], focus=root / source.name, readonly=True)
        finally:
            ended.set()
            player.join(5.0)
    for problem in problems:
        click.echo(problem, err=True)


def _leave_nothing(folder: Path) -> None:
    """Remove the copy also when the terminal is closed or somebody ends us."""

    def end(number: int, frame: FrameType | None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for name in ("SIGHUP", "SIGTERM"):
        signal.signal(getattr(signal, name), end)


def _existing(spec: str) -> Path:
    from guardrun.events.paths import is_run_directory
    from guardrun.reading.discovery import resolve_run, unreadable

    path = Path(spec).expanduser()
    if unreadable(path):
        raise UserError(f"{path} cannot be read: permission denied")
    if path.is_dir():
        return path

    if spec.endswith("/") and path.parent.is_dir() and not path.exists():
        return path  # written as a folder: the first run will make it, and appears by itself
    if path.exists() and not is_run_directory(path.parent):
        from guardrun.cli.foreign_logs import check_file

        check_file(path)
        return Path(os.path.realpath(path))
    return resolve_run(spec, os.environ.get("GUARDRUN_RUNS_DIR") or "runs")
