"""``guard check``: short real trainings that would fail if something were wrong."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.cli.output import FOUND, write_json
from guardrun.errors import UserError
from guardrun.events.own_folder import own_folder
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.cli.check_trials import Bench
    from guardrun.judging.sanity_model import Item

_GB: Final = 1024**3
_KEPT: Final = "check-runs"


@click.command(
    epilog="Checks: data, leakage, initial-loss, baseline, overfit, parameters, shuffled-labels, "
    "determinism, precision, batch-size; shuffled-inputs only when it is asked for."
)
@click.argument("config", metavar="CONFIG.yaml")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE …]")
@click.option("--only", metavar="NAMES", help="These checks alone, separated by commas: overfit,labels.")
@click.option("--steps", type=click.IntRange(1), help="Optimizer steps of each training (check.steps).")
@click.option("--time", "seconds", metavar="T", help="What each training may take: 60, 2m (check.time).")
@click.option("--memory", type=click.FloatRange(0, min_open=True), metavar="GB",
              help="Memory that a batch may take; default: 80 % of what is free.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep the trainings, below .guardrun/check-runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--json-file", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the JSON document to this file as well.")  # fmt: skip
@click.option(
    "--runs-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"),
    envvar="GUARDRUN_RUNS_DIR", show_default=True, help="Where this configuration's runs are kept.",
)  # fmt: skip
def command(
    config: str, overrides: tuple[str, ...], only: str | None, steps: int | None, seconds: str | None,
    memory: float | None, keep: bool, as_json: bool, json_file: Path | None, runs_dir: Path,
) -> int:  # fmt: skip
    """Try a training for a minute before it runs for a day: can it learn, and from the right thing?

    Each check is a short real training through your own script. Exit code: 0 all passed, 4 one failed or
    could not tell, 2 usage.
    """
    from guardrun.cli.check_plan import Plan, wanted_checks
    from guardrun.cli.check_trials import Bench
    from guardrun.judging.sanity_model import overall

    file, begun = _config_file(config), time.monotonic()
    folder = _folder(file, keep)
    try:
        bench = _bench(Bench, file, overrides, steps, seconds, folder)
        wanted = wanted_checks(only, bench.loaded.config.check.skip)
        said = _Progress(quiet=as_json)
        plan = Plan(bench, wanted, memory=None if memory is None else memory * _GB, say=said)
        items: list[Item] = []
        if not as_json:
            _print_head(bench, wanted)
        for item in plan.items():
            items.append(item)
            said.clear()
            if not as_json:
                _print_item(item, items[-2] if len(items) > 1 else None)
        verdict = overall(items)
        result = {"verdict": verdict, "items": [item.as_json() for item in items]}
        _keep_result(bench, result, runs_dir)
        write_json(result, to_stdout=as_json, file=json_file)
        if not as_json:
            _print_end(items, verdict, plan.trainings, time.monotonic() - begun, folder if keep else None)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if verdict == "pass" else FOUND


def _config_file(word: str) -> Path:
    path = Path(word)
    if path.is_dir() or path.suffix == ".py":
        what = "a folder" if path.is_dir() else "a script"
        raise UserError(
            f"{word} is {what}, not a configuration", hint="guard check CONFIG.yaml [KEY=VALUE …]"
        )
    return path


def _bench(
    make: type[Bench],
    file: Path,
    overrides: Sequence[str],
    steps: int | None,
    seconds: str | None,
    folder: Path,
) -> Bench:
    from guardrun.provenance.config.durations import parse_duration

    try:
        limit = None if seconds is None else parse_duration(seconds)
    except ValueError as error:
        raise UserError(f"--time: {error}, found {seconds!r}") from None
    bench = make(file, overrides, steps=steps or 1, seconds=limit or 1.0, folder=folder)
    settings = bench.loaded.config.check
    bench.steps, bench.seconds = steps or settings.steps, limit or settings.time
    return bench


def _folder(file: Path, keep: bool) -> Path:
    """Where the trainings are recorded: a folder that goes, or one beside the configuration that stays."""
    if not keep:
        return Path(tempfile.mkdtemp(prefix="guard-check-"))
    try:
        folder = own_folder(file.resolve().parent, _KEPT) / time.strftime("%Y-%m-%d_%H-%M-%S")
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write beside {file}: {error.strerror or error}") from error
    return folder


def _keep_result(bench: Bench, result: dict[str, Any], runs_dir: Path) -> None:
    """Beside the configuration, where an audit of its runs finds it."""
    from guardrun.cli.launch import plan
    from guardrun.judging.check_records import code_of, config_fingerprint, save_check
    from guardrun.provenance.git import git_facts
    from guardrun.provenance.secrets import Secrets

    base = bench.file.resolve().parent
    secrets = Secrets()
    secrets.look_into(bench.loaded.effective)
    git = git_facts(plan(bench.loaded.config, base).workdir, exclude=runs_dir.resolve())
    try:
        save_check(
            config_fingerprint(secrets.hide(bench.loaded.effective)), code_of(git.as_json()), result, base
        )
    except OSError as error:
        print(plain(f"guard: the result is not kept: {error}"), file=sys.stderr)


class _Progress:
    """One line on a terminal that says which training is running."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __call__(self, what: str) -> None:
        if self._shown:
            print(f"\r\x1b[K  … {plain(what)}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _print_head(bench: Bench, wanted: Sequence[str]) -> None:
    from guardrun.cli.check_page import head_lines

    _print(head_lines(str(bench.file), bench.steps, bench.seconds, len(wanted)))


def _print_item(item: Item, before: Item | None) -> None:
    from guardrun.cli.check_page import item_lines

    _print(item_lines(item, before))


def _print_end(
    items: Sequence[Item], verdict: str, trainings: int, seconds: float, kept: Path | None
) -> None:
    from guardrun.cli.check_page import end_lines

    _print(end_lines(items, verdict, trainings, seconds, kept))


def _print(lines: Sequence[str], out: Callable[[str], Any] = print) -> None:
    for line in lines:
        out(line)
    sys.stdout.flush()
