"""``guard report``: one self-contained HTML page about one or several runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardrun.cli.output import runs_dir_default
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.judging.compare import Comparison
    from guardrun.judging.facts import RunFacts


@click.command("report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="The HTML file to write.",
)  # fmt: skip
@click.option("--title", default="", help="Its headline (the runs' group or name).")
@click.option("--metric", default=None, help="Compare by this metric (the monitor).")
@click.option("--runs-dir", default=runs_dir_default, help="Where ids and names are looked for (runs/).")
def command(runs: tuple[str, ...], output: Path, title: str, metric: str | None, runs_dir: str) -> int:
    """Write one HTML page: numbers, curves, comparison, signals, audit, provenance.

    RUN is a run, a folder of runs, or a name or group that several runs share; runs that differ only in their
    seed are drawn as a mean with its spread. The page needs no network and no script, and fits a phone and a
    sheet of paper. Drawing needs matplotlib (the extra `report`).
    """
    from guardrun.judging.audit import audit
    from guardrun.judging.audit_gathering import gather_around
    from guardrun.judging.report import Report, report_html
    from guardrun.judging.report_drawing import drawing_or_error
    from guardrun.reading.discovery import resolve_runs

    drawing_or_error()
    paths = dict.fromkeys(path for spec in runs for path in resolve_runs(spec, runs_dir))
    audits = tuple(audit(facts, around) for facts, around in gather_around(list(paths)))
    comparison, why = _comparison([each.facts for each in audits], metric)
    page = report_html(Report(
        audits=audits, comparison=comparison, without_comparison=why, title=title, made=time.time()
    ))  # fmt: skip
    _write(output, page)
    click.echo(f"{output}  {len(page.encode()) / 1000:,.0f} kB  {len(audits)} {_runs(len(audits))}")
    return 0


def _comparison(facts: list[RunFacts], metric: str | None) -> tuple[Comparison | None, str]:
    """The comparison, or why there is none: a report of runs without a result is a report all the same."""
    from guardrun.events.names import canonical_metric
    from guardrun.judging.compare import Wishes, compare_runs

    try:
        return compare_runs(facts, Wishes(metric=canonical_metric(metric) if metric else None)), ""
    except UserError as error:
        if metric is not None:
            raise
        return None, f"{error.message}. {error.hint}" if error.hint else error.message


def _write(output: Path, page: str) -> None:
    from guardrun.events.atomic import write_atomic

    try:
        write_atomic(output, page.encode("utf-8", "replace"), sync=False)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror or error}") from error


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"
