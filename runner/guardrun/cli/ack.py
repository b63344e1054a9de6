"""``guard ack``: a person knows of a signal; it stays, dimmed, and comes back when it grows worse."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from guardrun.cli.output import runs_dir_default, write_json
from guardrun.cli.stop import refuse_strangers
from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.following.run_follower import RunFollower
    from guardrun.signals.model import Signal

_DONE: Final = 0
_PENDING: Final = 1
_WAIT_S: Final = 10.0
"""A supervisor answers within a second, a training at its next step boundary."""
_LOOK_S: Final = 0.1


@click.command("ack")
@click.argument("run")
@click.argument("signals", nargs=-1, metavar="[SIGNAL]...")
@click.option("--runs-dir", type=click.Path(path_type=Path), help="Where a run's name is looked up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--json-file", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the JSON document to this file as well.")  # fmt: skip
def command(
    run: str, signals: tuple[str, ...], runs_dir: Path | None, as_json: bool, json_file: Path | None
) -> int:
    """Acknowledge signals of RUN: those named, or all that stand.

    An acknowledged signal no longer counts as the worst of its run and is shown dimmed, until it grows
    worse or comes again. Nothing else changes: the policy acts as before.

    Exit code: 0 acknowledged (or nothing stands), 1 the training has not answered yet.
    """
    from guardrun.following.run_follower import RunFollower
    from guardrun.reading.discovery import resolve_run

    path = resolve_run(run, runs_dir or runs_dir_default())
    follower = RunFollower(path)
    follower.catch_up()
    state = follower.state()
    chosen = _chosen(state.signals, signals, state.run_id)
    pending = False
    if chosen:
        refuse_strangers(path, "its training and supervisor obey")
        _send(follower, chosen)
        pending = not _answered(follower, chosen)
    document = {
        "run_id": state.run_id, "path": str(path), "signals": [signal.id for signal in chosen],
        "pending": pending,
    }  # fmt: skip
    write_json(document, to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo(_told(chosen, pending, plain(state.run_id)))
    return _PENDING if pending else _DONE


def _chosen(signals: Sequence[Signal], names: tuple[str, ...], run_id: str) -> list[Signal]:
    """Standing signals that are not acknowledged yet. Raises UserError for a name that does not stand."""
    standing = [signal for signal in signals if signal.cleared_at is None]
    known = {signal.id for signal in standing}
    for name in names:
        if name not in known:
            hint = f"what stands: {', '.join(sorted(known))}" if known else "no signal stands"
            raise UserError(f"{run_id} has no standing signal {name!r}", hint=hint)
    return [
        signal for signal in standing if signal.acknowledged_at is None and (not names or signal.id in names)
    ]


def _send(follower: RunFollower, chosen: list[Signal]) -> None:
    from guardrun.events.commands import ACKNOWLEDGE, send_command

    try:
        send_command(
            follower.paths, ACKNOWLEDGE, attempt=follower.state().attempt, via="cli",
            signals={signal.id: signal.raised_at for signal in chosen},
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"the request cannot be written to {follower.paths.control}: {error.strerror or error}"
        ) from error


def _answered(follower: RunFollower, chosen: list[Signal]) -> bool:
    """Whether all of them are acknowledged, or no longer stand, before the wait is over."""
    asked = {(signal.id, signal.raised_at) for signal in chosen}
    deadline = time.monotonic() + _WAIT_S
    while True:
        follower.poll(_LOOK_S)
        open_ones = {
            (signal.id, signal.raised_at)
            for signal in follower.state().signals
            if signal.cleared_at is None and signal.acknowledged_at is None
        }
        if not asked & open_ones:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_S)


def _told(chosen: list[Signal], pending: bool, run_id: str) -> str:
    if not chosen:
        return f"{run_id}: nothing to acknowledge"
    names = ", ".join(plain(signal.id) for signal in chosen)
    if pending:
        return f"{run_id}: {names}: the request is left; the training sees it at its next step boundary"
    return f"{run_id}: acknowledged {names}"
