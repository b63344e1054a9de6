"""``guard data``: what a data set holds, splits that stay as they are, and examples that are there twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from guardrun.cli.output import FOUND, write_json
from guardrun.errors import UserError

SECONDS: Final = 60.0
"""Nobody waits at the start of a training here: statistics and duplicates may take a minute a path."""
_SEVERITIES: Final = ("info", "warn", "act")
_PATH: Final = click.Path(path_type=Path)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed((
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option("--json-file", type=click.Path(dir_okay=False, path_type=Path),
                     help="Write the JSON document to this file as well."),
        click.option("--fail-on", type=click.Choice(_SEVERITIES),
                     help=f"Exit with {FOUND} when there is a finding of this severity or above."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.group("data")
def command() -> None:
    """Fingerprints, splits and duplicates of data."""


@command.command("fingerprint")
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option("--labels", help="The column that holds the labels, where it can't be guessed.")
@click.option("--version", "data_version", help="Your own word for this content; it goes into the record.")
@click.option("--whole", is_flag=True, help="Hash every byte, however many there are.")
@click.option("--against", type=click.Path(dir_okay=False, path_type=Path),
              help="An earlier record (--json-file) to compare with.")  # fmt: skip
@_options
def fingerprint(
    paths: tuple[Path, ...], labels: str | None, data_version: str | None, whole: bool, against: Path | None,
    as_json: bool, json_file: Path | None, fail_on: str | None,
) -> int:  # fmt: skip
    """Hash and statistics of files and folders; of several PATHS also what they share.

    Reads NumPy, CSV, TSV, JSON, JSON lines, Parquet and text; of a folder each file is an example, and the
    folder that it lies in its class. Split names are taken from the paths: train.csv, data/test.
    """
    from guardrun.cli.data_page import page

    records = _records(paths, labels=labels, whole=whole, version=data_version)
    if against is not None:
        _compare(records, against)
    write_json(records[0] if len(records) == 1 else {"data": records}, to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo(page(records))
    return _exit_code([one for record in records for one in record["findings"]], fail_on)


@command.command("split")
@click.argument("file", type=_PATH)
@click.option("--parts", help="Deal positions to splits by these shares: train=0.8,val=0.1,test=0.1")
@click.option("--of", "source", type=_PATH, help="The data set to split: its number of examples, its labels.")
@click.option("--count", type=click.IntRange(min=1), help="The number of examples, instead of --of.")
@click.option("--labels", help="The column of --of to split by, class by class; by default its labels.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which of the possible splits.")
@_options
def split(
    file: Path, parts: str | None, source: Path | None, count: int | None, labels: str | None, seed: int,
    as_json: bool, json_file: Path | None, fail_on: str | None,
) -> int:  # fmt: skip
    """Write a split FILE once (--parts), or check one: unchanged since it was sealed, nothing shared.

    The file is {"train": [ids], "val": [ids], "test": [ids]}. Its ledger, FILE.ledger.jsonl, holds its hash
    and each use of the test split.
    """
    from guardrun.cli.data_page import split_page
    from guardrun.provenance.data.ledger import uses
    from guardrun.provenance.data.splits import judge_split, ledger_of, open_split, random_parts, write_split

    if parts is None:
        found, sha256 = open_split(file)
    else:
        number, classes = _size_and_labels(source, count, labels)
        found, sha256 = write_split(file, random_parts(number, _shares(parts), seed, classes))
    findings = judge_split(found)
    document = {
        "path": str(file), "sha256": sha256, "counts": {name: len(ids) for name, ids in found.items()},
        "test_uses": uses(ledger_of(file)), "findings": findings,
    }  # fmt: skip
    write_json(document, to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo(split_page(document))
    return _exit_code(findings, fail_on)


@command.command("duplicates")
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option("--near", is_flag=True, help="Look for images and texts that are nearly equal, too.")
@click.option("--labels", help="The column that holds the labels: it does not count.")
@_options
def duplicates(
    paths: tuple[Path, ...], near: bool, labels: str | None, as_json: bool, json_file: Path | None,
    fail_on: str | None,
) -> int:  # fmt: skip
    """Examples of one of PATHS that are in another one, too; exactly, or nearly.

    --near needs the extra `near` (pip install 'guardrun[near]').
    """
    from guardrun.cli.data_page import duplicates_page
    from guardrun.provenance.data.duplicates import example_hashes, judge_duplicates, repeated

    tables = _tables(paths, labels)
    examples: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    for name, table in tables.items():
        hashes = example_hashes(table, seconds=SECONDS)
        row: dict[str, Any] = {"name": name, "count": table.count, "compared": 0, "duplicates_with": {}}
        if hashes is not None:
            row["duplicates_with"], found = judge_duplicates(name, hashes, examples)
            row |= {"compared": len(hashes), "repeated": repeated(hashes)}
            findings += found
            examples[name] = hashes
        rows.append(row)
    if near:
        from guardrun.cli.data_near import near_findings

        findings += near_findings(tables)
    write_json({"data": rows, "findings": findings}, to_stdout=as_json, file=json_file)
    if not as_json:
        click.echo(duplicates_page(rows, findings))
    return _exit_code(findings, fail_on)


# -- parts


def _records(
    paths: Sequence[Path], *, labels: str | None, whole: bool, version: str | None
) -> list[dict[str, Any]]:
    from guardrun.provenance.data.examine import between, examine
    from guardrun.provenance.data.hashing import fingerprint as hashed
    from guardrun.provenance.data.not_a_table import NotATable
    from guardrun.provenance.data.table import table_of

    known: dict[str, dict[str, Any]] = {}
    examples: dict[str, Any] = {}
    for name, path in _named(paths).items():
        record: dict[str, Any] = {
            "name": name,
            "path": str(path),
            **hashed(path, whole=whole),
            "findings": [],
        }
        if version is not None:
            record["version"] = version
        begun = time.monotonic()
        try:
            examine(name, table_of(path, labels=labels), record, examples, seconds=SECONDS)
        except NotATable as reason:
            record["statistics_rule"] = f"none: {reason}"
        known[name] = record
        record["findings"] += _fresh(between(name, known), known)
        record["statistics_seconds"] = time.monotonic() - begun
    return list(known.values())


def _fresh(findings: list[dict[str, Any]], known: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    told = {one["message"] for record in known.values() for one in record["findings"]}
    return [one for one in findings if one["message"] not in told]


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Names for paths: the shortest that tells them apart. Raises UserError for what does not exist."""
    for path in paths:
        if not path.exists():
            raise UserError(f"there is no file or folder {path}", hint="give the path of the data")
    stems = [path.resolve().stem if path.is_file() else path.resolve().name for path in paths]
    if len(set(stems)) == len(stems):
        return dict(zip(stems, paths, strict=True))
    if len({str(path) for path in paths}) < len(paths):
        raise UserError("a path is given twice", hint="name each once")
    return {str(path): path for path in paths}


def _tables(paths: Sequence[Path], labels: str | None) -> dict[str, Any]:
    from guardrun.provenance.data.not_a_table import NotATable
    from guardrun.provenance.data.table import table_of

    found = {}
    for name, path in _named(paths).items():
        try:
            found[name] = table_of(path, labels=labels)
        except NotATable as reason:
            raise UserError(f"{path}: {reason}", hint="`guard data fingerprint` hashes any file") from None
    return found


def _compare(records: list[dict[str, Any]], against: Path) -> None:
    from guardrun.provenance.data.drift import judge_change

    try:
        found = json.loads(against.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{against} is no record of data: {error}", hint="make one with --json-file"
        ) from None
    listed = found.get("data") if isinstance(found, dict) and "data" in found else [found]
    earlier = {one["name"]: one for one in listed or [] if isinstance(one, dict) and "name" in one}
    if not earlier:
        raise UserError(f"{against} is no record of data", hint="make one with --json-file")
    only = next(iter(earlier.values())) if len(records) == len(earlier) == 1 else None
    for record in records:
        before = earlier.get(record["name"], only)
        if before is not None:
            record["compared_with"] = {"source": str(against), "sha256": before.get("sha256")}
            record["findings"] += judge_change(record["name"], record, before, str(against))


def _size_and_labels(source: Path | None, count: int | None, labels: str | None) -> tuple[int, Any]:
    if (source is None) == (count is None):
        raise UserError("a new split needs --of DATA or --count N", hint="one of both")
    if source is None:
        return int(count or 0), None
    (table,) = _tables([source], labels).values()
    if not table.complete:
        raise UserError(
            f"{source} is too large to be split here", hint="use --count N with its number of examples"
        )
    from guardrun.provenance.data.statistics import class_counts

    return table.count, table.labels if class_counts(table.labels) is not None else None


def _shares(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            raise UserError(
                f"{part!r} is no share of a split", hint="--parts train=0.8,val=0.1,test=0.1"
            ) from None
    return found


def _exit_code(findings: list[dict[str, Any]], fail_on: str | None) -> int:
    if fail_on is None:
        return 0
    least = _SEVERITIES.index(fail_on)
    return FOUND if any(_SEVERITIES.index(one["severity"]) >= least for one in findings) else 0
