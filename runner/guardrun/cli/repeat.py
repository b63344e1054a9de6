"""``guard repeat``: a run again, over other seeds as a group, or exactly as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from guardrun.cli.output import write_json
from guardrun.cli.repeat_words import (
    earlier_config,
    raw_of,
    refuse_hidden,
    renamed,
    takes_the_seed,
    whole_numbers,
    with_seed_reference,
)
from guardrun.cli.sweep import group_options, launch_group
from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

DIFFERS = 4


@click.command("repeat", epilog="A RUN is a run directory, a run id, a name, or a unique prefix.")
@click.argument("run", metavar="RUN")
@click.argument("words", nargs=-1, metavar="[KEY=SECRET …]")
@click.option("--seeds", help="Train again with these seeds, as a group: 1,2,3 or 1-3.")
@click.option("--tolerance", type=click.FloatRange(0), default=0.0, metavar="REL",
              help="Relative difference up to which numbers count as equal (0: bit by bit).")  # fmt: skip
@click.option("--keep", is_flag=True, help="Keep the temporary folder with the code.")
@group_options
def command(
    run: str, words: tuple[str, ...], seeds: str | None, tolerance: float, keep: bool, **typed: Any
) -> int:
    """Repeat RUN.

    With --seeds: its configuration with other seeds, one run after the other or --parallel at a time, as a
    group. Without: its recorded commit, changes, untracked sources, configuration and seed, in a temporary
    folder; then every number is compared with RUN's. Exit code: 0 the numbers are equal (or all seeds ended
    well), 4 they are not (or two seeds gave the very same curves).

    KEY=SECRET gives again what RUN's configuration held and guard did not record.
    """
    from guardrun.reading.discovery import resolve_run

    path = resolve_run(run, typed["runs_dir"]).resolve()
    if seeds is not None:
        return _over_seeds(path, list(words), whole_numbers(seeds, "--seeds"), **typed)
    if typed.pop("detach"):
        raise UserError("--detach belongs to --seeds: a repeat as it was ends with a comparison",
                        hint="tmux keeps it alive")  # fmt: skip
    return _as_it_was(path, list(words), tolerance=tolerance, keep=keep, **typed)


def _over_seeds(
    path: Path, words: list[str], seeds: list[int], *, runs_dir: Path, parallel: int, group: str | None,
    detach: bool, dry_run: bool, as_json: bool, json_file: Path | None,
) -> int:  # fmt: skip
    from guardrun.cli.launch import plan
    from guardrun.cli.reproducing import look_back
    from guardrun.cli.sibling_runs import Sibling
    from guardrun.reading.discovery import run_name

    past = look_back(path)
    name = run_name(path)
    raw = with_seed_reference(raw_of(past.attempt, name))
    if not (past.joined or takes_the_seed(raw)):
        raise UserError(
            f"nothing hands a seed to the training of {name}: all repeats would be alike, or by chance",
            hint='call run.seed() in the script, or pass it on: args: [--seed, "${seed}"]',
        )
    chosen = group or _group_of(path) or f"{name}-seeds"
    siblings = []
    for seed in seeds:
        overrides = [*_checked(words, past.attempt), f"seed={seed}", f'group="{chosen}"']
        loaded = earlier_config(past.attempt, overrides, name=name, seeded=True)
        refuse_hidden(loaded, f"guard repeat {path.name} --seeds {','.join(map(str, seeds))}")
        loaded = renamed(loaded, f"{name}-seed{seed}")
        base = loaded.source.parent if loaded.source else Path(str(past.attempt.get("workdir") or "."))
        siblings.append(Sibling(f"seed={seed}", loaded, plan(loaded.config, base)))
    _say_other_code(past.attempt)
    return launch_group(
        siblings, chosen, runs_dir=runs_dir, parallel=parallel, parent=path.name, dry_run=dry_run,
        detach=detach, as_json=as_json, json_file=json_file, beside=[path],
    )  # fmt: skip


def _group_of(path: Path) -> str | None:
    from guardrun.following.group_curves import group_of
    from guardrun.following.small_files import read_json

    return group_of(read_json(path / "run.json"))


def _say_other_code(attempt: Any) -> None:
    """The repeats run today's code: say so when that is not the code of the run."""
    from guardrun.provenance.git import git_facts

    git = attempt.get("git") or {}
    then = git.get("code_sha256")
    now = git_facts(str(attempt.get("workdir") or "."), exclude=None)
    if git.get("commit") != now.commit or (
        then and now.code_sha256 and git.get("commit") and then != now.code_sha256
    ):
        was, today = (str(commit or "no commit")[:12] for commit in (git.get("commit"), now.commit))
        changed = f"{was} → {today}" if was != today else f"{was}, with other changes"
        print(plain(f"guard: the code is no longer that of the run ({changed}); guard compare will say so"),
              file=sys.stderr)  # fmt: skip


def _checked(words: list[str], attempt: Any) -> list[str]:
    """Only what was hidden may be given anew: a repeat with other settings is a run of its own."""
    from guardrun.provenance.config.reading import split_override
    from guardrun.provenance.secrets import hidden_keys

    hidden = hidden_keys(raw_of(attempt, "the run"))
    for word in words:
        key, _ = split_override(word)
        if key not in hidden:
            raise UserError(
                f"{word.partition('=')[0]}: a repeat takes the configuration as it was",
                hint="other settings: guard sweep CONFIG.yaml KEY=A,B, or guard run",
            )
    return words


def _as_it_was(
    path: Path, words: list[str], *, tolerance: float, keep: bool, runs_dir: Path, parallel: int,
    group: str | None, dry_run: bool, as_json: bool, json_file: Path | None,
) -> int:  # fmt: skip
    from guardrun.cli.front import Received, end_by
    from guardrun.cli.repeat_page import code_lines, report, report_json
    from guardrun.cli.reproducing import Reproduction, look_back

    past = look_back(path)
    work = Reproduction(past, _checked(words, past.attempt), group=group, runs_dir=runs_dir)
    tree = work.build()
    try:
        sibling = work.sibling(tree)
        told = code_lines(past, tree, sibling)
        if dry_run:
            write_json({"dry_run": True, "run": path.name, "command": sibling.launch.command,
                        "linked": tree.linked, "left_out": tree.left_out},
                       to_stdout=as_json, file=json_file)  # fmt: skip
            if not as_json:
                click.echo("\n".join([*told, "nothing was started"]))
            return 0
        print("\n".join(told), file=sys.stderr, flush=True)
        with Received() as received:
            repeated, stopped_by = work.run(tree, sibling, received, tolerance)
    finally:
        if keep:
            print(plain(f"guard: the code stays in {tree.root}"), file=sys.stderr)
        else:
            tree.remove()
    code = 0 if repeated.verdict.equal else DIFFERS
    write_json(report_json(repeated, code), to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo("\n".join(report(repeated)))
    return end_by(stopped_by) if stopped_by is not None else code
