"""``guard tag``: short words by which runs are found again."""

from __future__ import annotations

from pathlib import Path

import click

from guardrun.errors import UserError


@click.command("tag", context_settings={"ignore_unknown_options": True})
@click.argument("run")
@click.argument("tags", nargs=-1, metavar="[+TAG | -TAG]...", type=click.UNPROCESSED)
@click.option("--runs-dir", type=click.Path(path_type=Path), help="Where a run's name is looked up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(run: str, tags: tuple[str, ...], runs_dir: Path | None, as_json: bool) -> int:
    """Add (+TAG or TAG) and remove (-TAG) tags of RUN, or print its notes and tags.

    Exit code: 0 recorded, 1 the training has not answered yet.
    """
    from guardrun.cli.saying import say
    from guardrun.events.commands import TAG
    from guardrun.events.remarks import parse_tags, tags_problem

    if not tags:
        return say(run, runs_dir, as_json)
    unknown = [word for word in tags if word.startswith("--")]
    if unknown:
        raise UserError(f"there is no option {unknown[0]}", hint="guard tag RUN +good -bad")
    add, remove = parse_tags(" ".join(tags))
    problem = tags_problem([*add, *remove])
    if problem:
        raise UserError(problem, hint="guard tag RUN +good -bad")
    return say(run, runs_dir, as_json, TAG, add=tuple(add), remove=tuple(remove))
