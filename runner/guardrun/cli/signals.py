"""``guard signals``: a run directory or a log of another tool, judged offline as a live run is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from guardrun.cli.output import FOUND, json_options, runs_dir_default, write_json
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.following.offline import Case, Choices, Verdict
    from guardrun.signals.model import Action

_BROKEN: Final = 2
_ACTIONS: Final = ("off", "observe", "warn", "stop", "abort")


@dataclass(frozen=True, slots=True)
class Problem:
    """A path that could not be judged."""

    source: str
    message: str
    hint: str


@click.command("signals")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@json_options
@click.option("--monitor", metavar="NAME", help="The metric that decides, instead of the log's own.")
@click.option("--mode", type=click.Choice(["min", "max"]), help="Whether less or more of it is better.")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="ID=ACTION",
    help=f"What is done about a signal ({', '.join(_ACTIONS)}), over the run's own policy.",
)
@click.option(
    "--map",
    "mappings",
    multiple=True,
    metavar="NAME=COLUMN",
    help="What a column of a foreign log is: train/loss=COLUMN, val/loss=COLUMN, step=COLUMN …",
)
@click.option(
    "--train-loss",
    type=click.Choice(["running", "evaluated"]),
    help="Of what kind a foreign log's training loss is; a running one is trusted less.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "run", "log"]),
    default="auto",
    help="Take PATH as a run directory of guard or as logs of other tools (default: by content).",
)
@click.option("--runs-dir", default=runs_dir_default, help="Where ids and names are looked for (runs/).")
def command(
    paths: tuple[str, ...], as_json: bool, json_file: Path | None, fail_on: str | None, monitor: str | None,
    mode: str | None, policies: tuple[str, ...], mappings: tuple[str, ...],
    train_loss: Literal["running", "evaluated"] | None, form: str, runs_dir: str,
) -> int:  # fmt: skip
    """Judge a run directory or a log of another tool, from its first row to its last, as it would have been
    judged live: which signals, at which step, what would have been done, what that would have saved.

    PATH is a run directory, a run id or name, a folder of runs, or a file or folder of logs: HF
    trainer_state.json, Lightning, Keras and ultralytics CSV, mmdet, mmengine and detectron2 JSON lines,
    DeepSpeed, Megatron and nanoGPT text, TensorBoard event files, CSV or JSON lines of your own (with --map).
    Nothing is written, no process is touched.

    --fail-on counts signals that stand at the end, and one that would have ended the run. Exit code 2: a
    PATH could not be judged (the others are).
    """
    from guardrun.following.offline import Choices, judge_case

    choices = Choices(monitor, mode, _policy(policies), train_loss, _pairs("--map", mappings))
    verdicts: list[Verdict] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            if not path:
                raise UserError("a PATH is empty", hint="perhaps a variable of the script was not set")
            for found in _cases(path, choices, form, runs_dir):
                if isinstance(found, Problem):
                    problems.append(found)
                else:
                    verdicts.append(judge_case(found))
        except UserError as error:
            if len(paths) == 1 and not verdicts:
                raise
            problems.append(Problem(path, error.message, error.hint))
    write_json(_document(verdicts, problems, paths), to_stdout=as_json, file=json_file)
    if not as_json and verdicts:
        from guardrun.cli.signals_page import signals_page

        click.echo("\n".join(signals_page(verdicts)))
    _tell(problems)
    if _found(verdicts, fail_on):
        return FOUND
    return _BROKEN if problems else 0


def _cases(path: str, choices: Choices, form: str, runs_dir: str) -> Iterator[Case | Problem]:
    """What is to be judged at a path; several runs are judged each for itself."""
    from guardrun.following.offline import foreign_cases, run_case

    runs = [] if form == "log" else _runs(path, form, runs_dir)
    if len(runs) == 1:
        yield run_case(runs[0], choices)
        return
    if not runs:
        yield from foreign_cases(Path(path).expanduser(), choices)
        return
    for run in runs:
        try:
            yield run_case(run, choices)
        except UserError as error:
            yield Problem(str(run), error.message, error.hint)


def _runs(spec: str, form: str, runs_dir: str) -> list[Path]:
    """The run directories that a path or a word means; none where it holds logs of other tools."""
    from guardrun.events.paths import is_run_directory
    from guardrun.reading.discovery import find_runs, resolve_run, unreadable

    path = Path(spec).expanduser()
    if unreadable(path):
        raise UserError(f"{path} cannot be read: permission denied")
    if path.is_dir():
        found = find_runs([path])
    elif path.exists():
        found = [path.parent] if path.name == "events.jsonl" and is_run_directory(path.parent) else []
    elif os.sep in spec:
        raise UserError(f"no such file or folder: {path}")
    else:
        return [resolve_run(spec, runs_dir)]
    if form == "run" and not found:
        raise UserError(f"{path} is no run directory and holds none", hint="leave out --format run")
    return found


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {pair}: expected NAME=VALUE")
        pairs[name] = value
    return pairs


def _policy(given: tuple[str, ...]) -> dict[str, Action]:
    import difflib

    from guardrun.signals.policy import DEFAULT_POLICY

    actions: dict[str, Action] = {
        "off": "off", "observe": "observe", "warn": "warn", "stop": "stop", "abort": "abort",
    }  # fmt: skip
    policy: dict[str, Action] = {}
    for name, word in _pairs("--policy", given).items():
        if name not in DEFAULT_POLICY:
            close = difflib.get_close_matches(name, DEFAULT_POLICY, n=1)
            hint = f"did you mean {close[0]}?" if close else f"signals: {', '.join(DEFAULT_POLICY)}"
            raise UserError(f"--policy {name}={word}: there is no signal {name!r}", hint=hint)
        if word not in actions:
            raise UserError(f"--policy {name}={word}: an action is one of {', '.join(_ACTIONS)}")
        policy[name] = actions[word]
    return policy


def _document(verdicts: list[Verdict], problems: list[Problem], paths: tuple[str, ...]) -> dict[str, Any]:
    """One log: its verdict alone; else a list, and what could not be judged."""
    from guardrun.following.as_json import verdict_json

    shown = [verdict_json(verdict) for verdict in verdicts]
    if len(shown) == len(paths) == 1 and not problems:
        return shown[0]
    told = [{"source": problem.source, "problem": problem.message} for problem in problems]
    return {"sources": shown, "problems": told}


def _tell(problems: list[Problem]) -> None:
    from guardrun.cli.main import complain

    hint = ""
    for problem in problems:
        complain(problem.message, problem.hint if problem.hint != hint else "")
        hint = problem.hint


def _found(verdicts: list[Verdict], fail_on: str | None) -> bool:
    if fail_on is None:
        return False
    from guardrun.signals.model import SEVERITY_ORDER

    least = SEVERITY_ORDER[fail_on]
    return any(
        verdict.verdict in ("stop", "abort")
        or any(SEVERITY_ORDER[signal.severity] >= least for signal in verdict.standing)
        for verdict in verdicts
    )
