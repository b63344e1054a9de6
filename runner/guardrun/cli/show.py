"""``guard show``: one run, or one checkpoint, as text for people or as JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.cli.output import exit_code_for, json_options, runs_dir_default, write_json
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.following.foreign_follower import ForeignFollower
    from guardrun.following.run_follower import RunFollower
    from guardrun.judging.checklist import Judged
    from guardrun.judging.facts import RunFacts

_SHOWN_STACKS: Final = 8
"""Files of a run's saved stacks on its page: the newest; ``--json`` names all."""


@click.command("show")
@click.argument("run", metavar="RUN")
@click.option("--runs-dir", default=runs_dir_default, help="Where ids and names are looked for (runs/).")
@click.option("--config", "config", is_flag=True, help="Print the run's effective configuration instead.")
@click.option("--against", metavar="RUN", help="With --config: only what differs from that run's.")
@json_options
def command(
    run: str, runs_dir: str, config: bool, against: str | None, as_json: bool, json_file: Path | None,
    fail_on: str | None,
) -> int:  # fmt: skip
    """Show one run: status, progress, signals with their evidence, checkpoints, how to resume.

    RUN is a run directory, a run id, a name, or a unique prefix of either; a checkpoint folder is shown
    from its meta.json, without loading it, and a log of another tool as far as it tells of its training.
    """
    from guardrun.cli.foreign_logs import the_log_at
    from guardrun.reading.discovery import resolve_run

    checkpoint = _checkpoint_folder(Path(run))
    if checkpoint is not None:
        _show_checkpoint(checkpoint, as_json, json_file)
        return 0
    log = the_log_at(run)
    if log is not None:
        return _show_log(log, as_json, json_file, fail_on, config=config or against is not None)
    path = resolve_run(run, runs_dir)
    if against is not None:
        if not config:
            raise UserError("--against compares configurations", hint="add --config, or use `guard compare`")
        show_difference([path, resolve_run(against, runs_dir)], as_json, json_file)
        return 0
    if config:
        _show_config(path, as_json, json_file)
        return 0
    from guardrun.cli.saved_checkpoints import looked_at, offers, with_offers
    from guardrun.cli.saved_stacks import saved_stacks

    follower = _followed(path)
    state, damaged = looked_at(follower.state(), follower.paths)
    from guardrun.following.as_json import json_ready, show_json
    from guardrun.judging.efficiency_words import efficiency_json, efficiency_lines
    from guardrun.judging.gathering import facts_of

    facts = facts_of(follower)
    items = _checklist(facts)
    document = {
        **with_offers(show_json(state), damaged),
        "efficiency": json_ready(efficiency_json(facts)),
        "checklist": json_ready([judged.as_json() for judged in items]),
        "stacks": (stacks := saved_stacks(follower.paths)),
    }
    write_json(document, to_stdout=as_json, file=json_file)
    if not as_json:
        from guardrun.cli.audit_page import checklist_block
        from guardrun.cli.run_page import run_page

        page = run_page(
            state, efficiency=efficiency_lines(facts), checklist=checklist_block(items),
            offers=offers(damaged),
        )  # fmt: skip
        if stacks:
            page += ["", "stacks", *(f"  {one}" for one in stacks[-_SHOWN_STACKS:])]
        click.echo("\n".join(page))
    return exit_code_for([state], fail_on)


def _show_log(
    log: ForeignFollower, as_json: bool, json_file: Path | None, fail_on: str | None, *, config: bool
) -> int:
    """A log of another tool, as far as it tells of its training."""
    from guardrun.cli.run_page import run_page
    from guardrun.following.as_json import show_json

    if config:
        raise UserError(f"{log.path} is a log of another tool: it records no configuration")
    log.catch_up()
    state = log.state()
    write_json(show_json(state), to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo("\n".join(run_page(state)))
    return exit_code_for([state], fail_on)


def _checklist(facts: RunFacts) -> tuple[Judged, ...]:
    """The sixteen items; the best checkpoint as it was proved last, without hashing it again."""
    from guardrun.judging.audit_gathering import around_one
    from guardrun.judging.checklist import judge_items

    return judge_items(facts, around_one(facts))


def _followed(path: Path) -> RunFollower:
    from guardrun.following.run_follower import RunFollower

    if not os.access(path, os.R_OK | os.X_OK):
        raise UserError(f"{path} cannot be read: permission denied")
    follower = RunFollower(path)
    follower.catch_up()
    return follower


def _checkpoint_folder(path: Path) -> Path | None:
    """The folder itself, when it is a checkpoint (``best`` and ``last`` are links to some)."""
    if os.path.isfile(path / "meta.json") and not os.path.isfile(path / "run.json"):
        return path
    return None


def _show_checkpoint(path: Path, as_json: bool, json_file: Path | None) -> None:
    from guardrun.cli.checkpoint_page import checkpoint_page
    from guardrun.following.as_json import json_ready
    from guardrun.following.small_files import read_json

    meta = read_json(path / "meta.json")
    if meta is None:
        raise UserError(
            f"{path}/meta.json is not readable JSON: this checkpoint cannot be told",
            hint="guard writes meta.json last; one that is damaged was changed by something else",
        )
    write_json(json_ready({"path": str(path), "meta": meta}), to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo("\n".join(checkpoint_page(path, meta)))


def _show_config(path: Path, as_json: bool, json_file: Path | None) -> None:
    from guardrun.events.paths import RunPaths
    from guardrun.following.as_json import json_ready
    from guardrun.following.small_files import SmallFiles
    from guardrun.reading.plain_text import plain
    from guardrun.state.values import table

    paths = RunPaths(path)
    small = SmallFiles(paths)
    small.refresh()
    config: dict[str, Any] = dict(table(table(small.launch).get("config")))
    if not config and not paths.config_yaml.is_file():
        raise UserError(
            f"{path.name} recorded no configuration", hint="only `guard run CONFIG.yaml` records one"
        )
    write_json(json_ready(config), to_stdout=as_json, file=json_file)
    if as_json:
        return
    click.echo("\n".join(plain(line) for line in _config_lines(path, config)))


def _config_lines(path: Path, config: dict[str, Any]) -> list[str]:
    """The merged result as YAML, with the origin of each value where it was recorded."""
    from guardrun.events.paths import RunPaths
    from guardrun.events.untrusted import read_bounded
    from guardrun.judging.gathering import gather_facts

    facts = gather_facts(path, judge=False)
    if facts.config_origins:
        from guardrun.cli.config_page import origin_lines

        return origin_lines(facts)
    try:
        return read_bounded(RunPaths(path).config_yaml).decode("utf-8", "replace").splitlines()
    except OSError:
        return _as_yaml(config).splitlines()


def show_difference(paths: Sequence[Path], as_json: bool, json_file: Path | None) -> None:
    """How the effective configurations of these runs differ, defaults included."""
    from guardrun.cli.config_page import difference_page
    from guardrun.following.as_json import json_ready
    from guardrun.judging.config_difference import difference_json, differences
    from guardrun.judging.gathering import gather_facts

    facts = [gather_facts(path, judge=False) for path in paths]
    found = differences(facts)
    write_json(json_ready(difference_json(facts, found)), to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo("\n".join(difference_page(facts, found)))


def _as_yaml(config: dict[str, Any]) -> str:
    """JSON is YAML too: one key a line."""
    import orjson

    return "\n".join(f"{key}: {orjson.dumps(value, default=str).decode()}" for key, value in config.items())
