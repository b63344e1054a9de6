"""``guard note``: a person's words about a run, kept with it."""

from __future__ import annotations

from pathlib import Path

import click

from guardrun.errors import UserError


@click.command("note")
@click.argument("run")
@click.argument("text", nargs=-1, metavar="[TEXT]...")
@click.option("--runs-dir", type=click.Path(path_type=Path), help="Where a run's name is looked up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(run: str, text: tuple[str, ...], runs_dir: Path | None, as_json: bool) -> int:
    """Write a note about RUN, or print its notes and tags.

    A note has at most 2,000 characters and is recorded with its author and time; it changes nothing.

    Exit code: 0 recorded, 1 the training has not answered yet.
    """
    from guardrun.cli.saying import say
    from guardrun.events.commands import REMARK
    from guardrun.events.remarks import note_problem

    if not text:
        return say(run, runs_dir, as_json)
    words = " ".join(text)
    problem = note_problem(words)
    if problem:
        raise UserError(
            problem, hint="put a long text into a file beside the run, and its name into the note"
        )
    return say(run, runs_dir, as_json, REMARK, text=words)
