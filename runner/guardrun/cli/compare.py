"""``guard compare``: groups of repeated runs against each other, and whether a difference is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from guardrun.cli.output import runs_dir_default, write_json
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.judging.compare import Comparison
    from guardrun.judging.facts import Mode
    from guardrun.judging.groups import At

NOT_SUPPORTED: Final = 4
"""Exit code of a claim that the runs do not support."""


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--runs-dir", default=runs_dir_default, help="Where ids, names and groups are looked for (runs/)."
)
@click.option("--metric", "-m", help="Metric to compare by; default: the runs' monitor.")
@click.option(
    "--mode", type=click.Choice(["min", "max"]), help="Which way is better, where the name does not tell."
)
@click.option("--by", help="Group by this key (params.lr, name, group, commit) instead of by configuration.")
@click.option(
    "--at", type=click.Choice(["best", "last"]), default="best", help="Which of a run's values counts."
)
@click.option("--against", metavar="GROUP", help="Hold the others against this group instead of the best.")
@click.option(
    "--claim", metavar='"A > B"', help=f"A is better than B: exit with {NOT_SUPPORTED} when not shown."
)
@click.option("--unfinished", is_flag=True, help="Take runs that go on or failed as they are.")
@click.option(
    "--config", "config", is_flag=True, help="Show how the configurations differ, defaults included."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--json-file", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file as well."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table of comma-separated values.")
@click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print a table for a lab book or a pull request."
)
def command(
    runs: tuple[str, ...], runs_dir: str, metric: str | None, mode: str | None, by: str | None, at: str,
    against: str | None, claim: str | None, unfinished: bool, config: bool, as_json: bool,
    json_file: Path | None, as_csv: bool, as_markdown: bool,
) -> int:  # fmt: skip
    """Compare repeated runs: mean and spread over seeds, tests, costs, and what makes it unfair.

    RUN is a run, a folder of runs, or a name or group that several runs share. Runs that differ only in their
    seed are repeats of one configuration and form a group; the best group is held against each of the others,
    paired by seed. No winner is named where nothing was repeated.
    """
    if as_json + as_csv + as_markdown > 1:
        raise UserError("--json, --csv and --markdown exclude each other")
    paths = _paths(runs, runs_dir)
    if config:
        from guardrun.cli.show import show_difference

        show_difference(paths, as_json, json_file)
        return 0
    from guardrun.judging.compare import Wishes, compare_runs
    from guardrun.judging.gathering import gather_facts

    facts = [gather_facts(path, judge=False) for path in paths]

    wishes = Wishes(
        metric=_canonical(metric), mode=cast("Mode | None", mode), by=by, at=cast("At", at),
        unfinished=unfinished, claim=claim, against=against,
    )  # fmt: skip
    comparison = compare_runs(facts, wishes)
    _print(comparison, as_json, json_file, as_csv, as_markdown)
    return NOT_SUPPORTED if comparison.claim is not None and not comparison.claim.supported else 0


def _canonical(metric: str | None) -> str | None:
    from guardrun.events.names import canonical_metric

    return None if metric is None else canonical_metric(metric)


def _paths(specs: tuple[str, ...], runs_dir: str) -> list[Path]:
    from guardrun.reading.discovery import resolve_runs

    return list(dict.fromkeys(path for spec in specs for path in resolve_runs(spec, runs_dir)))


def _print(
    comparison: Comparison, as_json: bool, json_file: Path | None, as_csv: bool, as_markdown: bool
) -> None:
    from guardrun.following.as_json import json_ready
    from guardrun.judging.compare_tables import comparison_csv, comparison_json, comparison_markdown
    from guardrun.reading.plain_text import plain

    if as_json or json_file is not None:
        write_json(json_ready(comparison_json(comparison)), to_stdout=as_json, file=json_file)
    if as_json:
        return
    if as_csv or as_markdown:
        text = comparison_csv(comparison) if as_csv else comparison_markdown(comparison)
        click.echo("\n".join(plain(line) for line in text.splitlines()))
        return
    from guardrun.cli.compare_page import compare_page

    click.echo("\n".join(compare_page(comparison)))
