"""``guard audit``: the checklist before a result is declared, as text for people or as JSON."""

from __future__ import annotations

from pathlib import Path

import click

from guardrun.cli.output import runs_dir_default, write_json
from guardrun.cli.terminal import styled


@click.command("audit")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--runs-dir", default=runs_dir_default, help="Where ids and names are looked for (runs/).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--json-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the JSON document to this file as well.",
)
@click.option("--no-save", is_flag=True, help="Keep no answer in the run's folder.")
@click.option("--strict", is_flag=True, help="An open question counts as a no.")
def command(
    runs: tuple[str, ...], runs_dir: str, as_json: bool, json_file: Path | None, no_save: bool, strict: bool
) -> int:  # fmt: skip
    """Ask the six questions before a result is declared; end with 4 when an answer is no.

    RUN is a run, a folder of runs, or a name or group that several runs share. Nothing is believed that
    can be checked: the files of the best checkpoint are hashed again, the seeds are those of runs that are
    there, the sanity checks those that `guard check` kept for this configuration and this code. The answer
    is kept in the run's folder (audit.json), where `guard show` finds it, but for runs that git tracks.
    """
    from guardrun.following.as_json import json_ready
    from guardrun.judging.audit import audit, audits_json, exit_code
    from guardrun.judging.audit_gathering import gather_around, keep_verdict
    from guardrun.reading.discovery import resolve_runs

    audits, unkept = [], ""
    paths = dict.fromkeys(path for spec in runs for path in resolve_runs(spec, runs_dir))
    for facts, around in gather_around(list(paths)):
        audits.append(audit(facts, around))
        if not no_save:
            unkept = keep_verdict(facts, audits[-1].verdict) or unkept
    document = audits_json(audits) if as_json or json_file is not None else None
    write_json(json_ready(document), to_stdout=as_json, file=json_file)
    if not as_json:
        from guardrun.cli.audit_page import audit_page

        click.echo("\n".join(audit_page(audits)))
        if unkept:
            click.echo(styled(f"the answer was not kept for guard show: {unkept}", "dim"))
    return exit_code(audits, strict=strict)
