"""What ``guard note`` and ``guard tag`` share: leave the command, wait for its answer, print what stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.cli.output import runs_dir_default, write_json
from guardrun.cli.stop import refuse_strangers
from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.following.run_follower import RunFollower
    from guardrun.state.model import RunState

_DONE: Final = 0
_PENDING: Final = 1
_WAIT_S: Final = 10.0
"""A supervisor answers within a second, a training at its next step boundary."""
_LOOK_S: Final = 0.1


def say(run: str, runs_dir: Path | None, as_json: bool, command: str = "", **fields: Any) -> int:
    """Leave ``command`` (none: only print) and print the run's notes and tags; the exit code."""
    from guardrun.following.run_follower import RunFollower
    from guardrun.reading.discovery import resolve_run

    path = resolve_run(run, runs_dir or runs_dir_default())
    follower = RunFollower(path, judge=False)
    follower.catch_up()
    pending = False
    if command:
        refuse_strangers(path, "its training and supervisor obey")
        sent = _sent(follower, command, fields)
        pending = not _answered(follower, lambda state: _stands(state, sent, fields))
    state = follower.state()
    write_json(_document(state, pending), to_stdout=as_json, file=None)
    if not as_json:
        _print(state, pending)
    return _PENDING if pending else _DONE


def _sent(follower: RunFollower, command: str, fields: dict[str, Any]) -> float:
    from guardrun.events.commands import send_command

    try:
        return send_command(
            follower.paths, command, attempt=follower.state().attempt, via="cli", **fields
        ).sent
    except OSError as error:
        raise UserError(
            f"the request cannot be written to {follower.paths.control}: {error.strerror or error}"
        ) from error


def _stands(state: RunState, sent: float, fields: dict[str, Any]) -> bool:
    """Whether the run's state knows of what was said."""
    if "text" in fields:
        return any(each.t == sent and each.text == fields["text"] for each in state.remarks)
    return set(fields["add"]) <= set(state.tags) and not set(fields["remove"]) & set(state.tags)


def _answered(follower: RunFollower, stands: Callable[[RunState], bool]) -> bool:
    """Whether it is recorded, or nobody is left to do that, before the wait is over."""
    deadline = time.monotonic() + _WAIT_S
    while not stands(follower.state()):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_S)
        follower.poll(_LOOK_S)
    return True


def _document(state: RunState, pending: bool) -> dict[str, Any]:
    return {
        "run_id": state.run_id, "path": state.path, "tags": list(state.tags),
        "notes": [{"text": each.text, "by": each.by, "t": each.t} for each in state.remarks],
        "pending": pending,
    }  # fmt: skip


def _print(state: RunState, pending: bool) -> None:
    tags = "  ".join(f"#{plain(tag)}" for tag in state.tags)
    click.echo(f"{plain(state.run_id)}: {tags or 'no tags'}")
    for each in state.remarks:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.t)) if 0 < each.t < 2**40 else ""
        click.echo(f"  {when}  {plain(each.by)}: {plain(each.text)}")
    if pending:
        click.echo("the request is left; the training sees it at its next step boundary")
