"""``guard stop``: a safe stop, shown stage by stage, that keeps the best checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.cli.output import own_words, runs_dir_default, write_json
from guardrun.cli.terminal import styled
from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.cli.stop_wait import StopWait
    from guardrun.following.run_follower import RunFollower
    from guardrun.state.model import CheckpointRef, RunState

OVER: Final = 0
PENDING: Final = 1
FORCED: Final = 5


@click.command("stop")
@click.argument("run")
@click.option("--now", is_flag=True, help="Discard a running evaluation, and climb the rungs unasked.")
@click.option("--grace", metavar="S", help="Climb a rung after so long without progress: 30, 2m.")
@click.option("--no-wait", is_flag=True, help="Leave the request and return at once, with exit code 1.")
@click.option("--runs-dir", type=click.Path(path_type=Path), help="Where a run's name is looked up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--json-file", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the JSON document to this file as well.")  # fmt: skip
def command(
    run: str, now: bool, grace: str | None, no_wait: bool, runs_dir: Path | None, as_json: bool,
    json_file: Path | None,
) -> int:  # fmt: skip
    """Stop RUN safely: at a step boundary, with its last checkpoint saved and its best one proved.

    Exit code: 0 it is over (or was already), 1 the request is pending, 5 it had to be forced. Ctrl-C leaves
    the request in place. When nothing moves any more, the next rung (SIGINT, SIGTERM, SIGKILL) is offered
    on a terminal; without one, say `guard stop` again to climb it.
    """
    from guardrun.cli.foreign_logs import refuse_to_stop
    from guardrun.following.run_follower import RunFollower
    from guardrun.reading.discovery import resolve_run

    seconds = _seconds(grace)
    refuse_to_stop(run)
    path = resolve_run(run, runs_dir or runs_dir_default())
    follower = RunFollower(path, judge=False)
    follower.catch_up()
    state = follower.state()
    tell = _silent if as_json else _say
    wait: StopWait | None = None
    if not state.status.live:
        tell(f"{state.run_id} is already over: {state.status.value}{_because(state)}")
        code = OVER
    elif _never_began(follower, state, tell):
        state, code = follower.state(), OVER
    else:
        wait = _request(follower, state, now=now, grace=seconds, tell=tell)
        code = PENDING if no_wait else wait.until_over()
        if no_wait:
            tell("the request is left; the training sees it at its next step boundary")
        state = wait.state()
    if code != PENDING:
        _tell_end(state, wait is not None, tell)
    write_json(_document(state, wait, code), to_stdout=as_json, file=json_file)
    return code


def _never_began(follower: RunFollower, state: RunState, tell: Any) -> bool:
    """Whether its job only waited in a scheduler's queue, from which it has been taken out now."""
    from guardrun.state.model import Status

    if state.status is not Status.QUEUED:
        return False
    from guardrun.cli.stop_queued import take_out_of_queue

    refuse_strangers(follower.path)
    over = take_out_of_queue(follower.paths, state, tell)
    follower.catch_up()
    return over


def _seconds(grace: str | None) -> float | None:
    if grace is None:
        return None
    from guardrun.provenance.config.durations import EXPECTED, parse_duration

    try:
        return parse_duration(grace)
    except ValueError as error:
        raise UserError(f"--grace {grace}: expected {EXPECTED}") from error


def _request(
    follower: RunFollower, state: RunState, *, now: bool, grace: float | None, tell: Any
) -> StopWait:
    """Check that we may, say what to expect, leave the command."""
    from guardrun.cli.stop_wait import StopWait
    from guardrun.state.model import Status

    refuse_strangers(follower.path)
    _warn(follower, state, tell)
    wait = StopWait(follower, tell=tell)
    under_way = state.status is Status.STOPPING
    hurry = under_way and bool(state.stop_offer)
    if under_way and not (hurry or now or grace is not None):
        tell("a stop is already under way")
        wait.join()
        return wait
    tell(f"asking {state.run_id} to stop" + (" at once" if hurry else ""))
    wait.send(now=now, grace=grace, hurry=hurry)
    return wait


def refuse_strangers(path: Path, obeys: str = "its training obeys") -> None:
    """A training obeys its own user (and root); say so before a command is left that nobody obeys."""
    owner, me = os.stat(path).st_uid, os.geteuid()
    from guardrun.events.access import Senders
    from guardrun.events.paths import RunPaths

    if me == 0 or Senders(RunPaths(path), owner).obeys(me):
        return
    from guardrun.events.remarks import user_name

    name = user_name(owner)
    raise UserError(
        f"{path.name} belongs to {name}: {obeys} only {_and_root(name)}",
        hint=f"ask {name}, or use sudo on {path}",
    )


def _and_root(name: str) -> str:
    return name if name == "root" else f"{name} and root"


def _warn(follower: RunFollower, state: RunState, tell: Any) -> None:
    from guardrun.provenance.host import host_name, read_lease

    lease = (
        read_lease(follower.paths.lease("trainer")) or read_lease(follower.paths.lease("supervisor")) or {}
    )
    host = lease.get("host") or host_name()
    if host != host_name():
        tell(
            f"it runs on {host}: the request goes through the shared file system and may take a minute",
            "yellow",
        )
    if not follower.has_library:
        tell(
            "the command does not use guard's library: it gets SIGINT, and no checkpoint is promised",
            "yellow",
        )
    elif not state.can_save:
        tell(
            "guard cannot save this run (neither track, register_checkpoint nor on_stop): "
            "the steps since its own last checkpoint are lost", "yellow",
        )  # fmt: skip


def _tell_end(state: RunState, stopped: bool, tell: Any) -> None:
    if stopped:
        colour = "red" if state.status.value in ("killed", "failed", "aborted") else "green"
        tell(f"{state.run_id}: {state.status.value}{_because(state)}, step {state.step:,}", colour)
    for role, ref in (("best", state.best), ("last", state.last)):
        if ref is not None and (role == "best" or state.best is None or ref.path != state.best.path):
            tell(*_checkpoint_line(role, ref, state))
    if state.best is None and state.last is None:
        tell("it has no checkpoint", "yellow")


def _checkpoint_line(role: str, ref: CheckpointRef, state: RunState) -> tuple[str, str]:
    metric = ""
    if ref.metric is not None and state.monitor is not None:
        metric = f", {state.monitor.name} {ref.metric:.6g}"
    words, colour = {
        True: ("verified", "green"),
        False: (f"DAMAGED: {ref.problem}", "red"),
        None: ("not verified" + (f": {ref.problem}" if ref.problem else ""), "yellow"),
    }[ref.verified]
    where = f"{Path(state.path) / ref.path}{own_words(ref)}"
    return f"{role}: {where} (step {ref.step:,}{metric}) {words}", colour


def _because(state: RunState) -> str:
    return f" ({state.reason})" if state.reason else ""


def _document(state: RunState, wait: StopWait | None, code: int) -> dict[str, Any]:
    from guardrun.following.as_json import show_json

    shown = show_json(state)
    kept = ("run_id", "path", "status", "reason", "exit_code", "attempt", "step", "checkpoints")
    stages = [
        {"stage": stage.stage, "t": stage.t, "rank": stage.rank, "text": stage.text}
        for stage in (wait.stages if wait is not None else [])
    ]
    return {**{key: shown[key] for key in kept}, "pending": code == PENDING, "stages": stages}


def _say(text: str, *styles: str) -> None:
    click.echo(styled(plain(text), *styles))


def _silent(text: str, *styles: str) -> None:
    """With --json nothing else is printed."""
