"""``guard sweep``: a grid of settings as a group of runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.cli.output import FOUND, write_json
from guardrun.cli.repeat_words import renamed, whole_numbers
from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.cli.sibling_runs import Sibling

_MOST: Final = 1000
_USAGE: Final = "guard sweep CONFIG.yaml params.lr=1e-3,3e-4 [--seeds 1,2,3]"


def group_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the commands that launch a group share."""
    for option in reversed((
        click.option("--parallel", type=click.IntRange(1), default=1, show_default=True,
                     help="So many runs at a time."),
        click.option("--group", help="Name of the group."),
        click.option("--detach", is_flag=True,
                     help="Return at once; the group goes on without this terminal."),
        click.option("--dry-run", is_flag=True, help="Show what would be run, and run nothing."),
        click.option("--runs-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"),
                     envvar="GUARDRUN_RUNS_DIR", show_default=True,
                     help="Where run directories are made and looked for."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option("--json-file", type=click.Path(dir_okay=False, path_type=Path),
                     help="Write the JSON document to this file as well."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.command(
    "sweep", epilog="Values with a comma of their own: params.sizes=[1,2],[3,4]  params.note='\"a, b\"'."
)
@click.argument("words", nargs=-1, metavar="CONFIG.yaml KEY=VALUE[,VALUE…] …")
@click.option("--seeds", help="Every setting with each of these seeds: 1,2,3 or 1-3.")
@group_options
def command(
    words: tuple[str, ...], seeds: str | None, parallel: int, group: str | None, detach: bool,
    dry_run: bool, runs_dir: Path, as_json: bool, json_file: Path | None,
) -> int:  # fmt: skip
    """Run every combination of the values as a group, one after the other or --parallel at a time.

    Each run has a supervisor of its own, as under `guard run --detach`. A run that fails stops no other.
    Ctrl-C stops the running ones safely and starts no more. With --detach the command ends as soon as the
    first run has started, and the rest goes on even when the SSH connection is closed.

    Exit code: 0 all ended well, 1 one failed, 5 a stop had to be forced, 3 one was aborted by a signal,
    4 two seeds gave the very same curves; 130 and 143 after Ctrl-C and SIGTERM.
    """
    from guardrun.provenance.config import load_config

    if not words:
        raise UserError("what shall be swept?", hint=_USAGE)
    file, *assignments = words
    if "=" in file:
        raise UserError("the configuration is missing", hint=_USAGE)
    combinations = grid(assignments, whole_numbers(seeds, "--seeds") if seeds else [])
    if len(combinations) == 1 and not any(len(values_of(word)[1]) > 1 for word in assignments):
        raise UserError("there is only one setting", hint=f"give several values: {_USAGE}\nor use guard run")
    # The first one's group, so that a configuration may name it.
    first = load_config(file, [*(word for word, _ in combinations[0])])
    chosen = group or first.config.group or f"{first.config.name}-sweep-{time.strftime('%m%d-%H%M%S')}"
    siblings = [_sibling(file, combination, chosen) for combination in combinations]
    return launch_group(
        siblings, chosen, runs_dir=runs_dir, parallel=parallel, parent=None, dry_run=dry_run,
        detach=detach, as_json=as_json, json_file=json_file,
    )  # fmt: skip


def _sibling(file: str, combination: list[tuple[str, bool]], group: str) -> Sibling:
    from guardrun.cli.launch import plan
    from guardrun.cli.sibling_runs import Sibling
    from guardrun.provenance.config import load_config
    from guardrun.provenance.config.reading import split_override

    swept = [split_override(word) for word, varies in combination if varies]
    loaded = load_config(file, [*(word for word, _ in combination), f'group="{_quotable(group)}"'])
    words = [f"{key.rpartition('.')[2]}={value}" for key, value in swept]
    named = [word.replace("seed=", "seed") for word in words if not word.startswith("name=")]
    loaded = renamed(loaded, "-".join([loaded.config.name, *named]))
    return Sibling(" ".join(words), loaded, plan(loaded.config, Path(file).resolve().parent))


def _quotable(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def values_of(assignment: str) -> tuple[str, list[str]]:
    """``params.lr=1e-3,3e-4`` -> ("params.lr", ["1e-3", "3e-4"]); commas in brackets and quotes stay.

    Raises UserError for what is no KEY=VALUE.
    """
    from guardrun.provenance.config.reading import split_override

    key, text = split_override(assignment)
    values, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        elif char == "," and depth <= 0:
            values.append(text[start:at].strip())
            start = at + 1
    values.append(text[start:].strip())
    if len(values) > 1 and "" in values:
        raise UserError(f"{assignment!r}: a value between two commas is missing")
    if len(set(values)) < len(values):
        raise UserError(f"{assignment!r}: a value is given twice")
    return key, values


def grid(assignments: Sequence[str], seeds: Sequence[int]) -> list[list[tuple[str, bool]]]:
    """Every combination, as overrides with whether they vary; the last key varies fastest, seeds last.

    Raises UserError for a key that is given twice, and for more than 1000 combinations.
    """
    parsed = [values_of(word) for word in assignments]
    if seeds:
        parsed.append(("seed", [str(seed) for seed in seeds]))
    keys = [key for key, _ in parsed]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"{key} is given twice", hint=f"all its values in one word: {key}=A,B")
    count = 1
    for _, values in parsed:
        count *= len(values)
    if count > _MOST:
        raise UserError(f"that would be {count:,} runs; a sweep has at most {_MOST:,}")
    axes = [[(f"{key}={value}", len(values) > 1) for value in values] for key, values in parsed]
    return [list(combination) for combination in itertools.product(*axes)]


def launch_group(
    siblings: Sequence[Sibling], group: str, *, runs_dir: Path, parallel: int, parent: str | None,
    dry_run: bool, detach: bool, as_json: bool, json_file: Path | None, beside: Sequence[Path] = (),
) -> int:  # fmt: skip
    """Run the siblings, print the summary, and say by the exit code how it went.

    ``beside``: earlier runs of the same settings, whose seeds ought to have made a difference, too.
    """
    if dry_run and detach:
        raise UserError("--detach and --dry-run exclude each other")
    if dry_run:
        _show_plan(siblings, group, runs_dir, as_json, json_file)
        return 0
    work = partial(
        _run_group, siblings, group, runs_dir=runs_dir, parallel=parallel, parent=parent,
        as_json=as_json and not detach, json_file=json_file, beside=beside,
    )  # fmt: skip
    return _detach(work, siblings, group, runs_dir, as_json) if detach else work(lambda: None)


def _detach(
    work: Callable[[Callable[[], None]], int], siblings: Sequence[Sibling], group: str, runs_dir: Path,
    as_json: bool,
) -> int:  # fmt: skip
    from guardrun.cli.detaching import detach, new_log
    from guardrun.cli.group_page import detached_json, detached_lines

    gone = detach(work, new_log(runs_dir, group))
    write_json(detached_json(group, len(siblings), gone), to_stdout=as_json, file=None)
    if not gone.started:
        said = gone.log.read_text("utf-8", "replace")[-2000:]
        raise UserError(f"no run of the group was started; {gone.log} says why", hint=said, exit_code=1)
    if not as_json:
        click.echo("\n".join(detached_lines(group, len(siblings), gone, runs_dir)))
    return 0


def _run_group(
    siblings: Sequence[Sibling], group: str, on_start: Callable[[], None], *, runs_dir: Path,
    parallel: int, parent: str | None, as_json: bool, json_file: Path | None, beside: Sequence[Path],
) -> int:  # fmt: skip
    import sys

    from guardrun.cli.front import Received, end_by
    from guardrun.cli.group_page import read_results, runs_words, same_curves, summary, summary_json
    from guardrun.cli.sibling_runs import GroupRun, exit_code_of

    look = f"look: guard watch {plain(str(runs_dir))}"
    print(f"guard: {runs_words(len(siblings))} as group {plain(group)}; {look}", file=sys.stderr, flush=True)
    runs = GroupRun(siblings, runs_dir=runs_dir, parallel=parallel, parent=parent, on_start=on_start)
    with Received() as received:
        ended = runs.run(received)
    results, alike = read_results(ended), same_curves(ended, beside)
    code = exit_code_of(ended) or (FOUND if alike else 0)
    write_json(summary_json(group, results, code, alike), to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo("\n".join(summary(group, results, alike)))
    return end_by(runs.stopped_by) if runs.stopped_by is not None else code


def _show_plan(
    siblings: Sequence[Sibling], group: str, runs_dir: Path, as_json: bool, json_file: Path | None
) -> None:
    import shlex

    from guardrun.cli.group_page import runs_words

    planned = [
        {"label": one.label, "name": one.loaded.config.name, "overrides": list(one.loaded.overrides),
         "command": one.launch.command, "workdir": str(one.launch.workdir)}
        for one in siblings
    ]  # fmt: skip
    write_json({"group": group, "dry_run": True, "runs": planned}, to_stdout=as_json, file=json_file)
    if as_json:
        return
    what = f"{runs_words(len(siblings))} below {runs_dir} as group {group}"
    click.echo(plain(f"# would start {what}; nothing was started"))
    for one in siblings:
        click.echo(plain(f"{one.label}  # {shlex.join(one.launch.command)}"))
