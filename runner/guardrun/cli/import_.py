"""``guard import``: logs of other tools into run directories, which every command then shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardrun.cli.output import runs_dir_default, write_json
from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.cli.importing import Imported
    from guardrun.reading.foreign import ForeignLog


@click.command("import")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@click.option("--to", "runs_dir", default=runs_dir_default, help="Where the runs go (runs/).")
@click.option(
    "--map", "mappings", multiple=True, metavar="NAME=COLUMN",
    help="Store the log's COLUMN as NAME: train/loss, val/loss, lr, …, or step, epoch, time. Repeatable.",
)  # fmt: skip
@click.option("--name", help="Name of the run; with several logs, each log's own name comes behind it.")
@click.option("--group", help="Group of the runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--json-file", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the JSON document to this file as well.",
)  # fmt: skip
def command(
    sources: tuple[Path, ...], runs_dir: str, mappings: tuple[str, ...], name: str | None, group: str | None,
    as_json: bool, json_file: Path | None,
) -> None:  # fmt: skip
    """Make run directories of the logs that other tools wrote.

    SOURCE is a log or a folder of logs: Hugging Face's trainer_state.json, Lightning, Keras and Ultralytics
    CSV, OpenMMLab and detectron2 JSON lines, DeepSpeed, Megatron-LM, nanoGPT and PyTorch text, TensorBoard
    event files, CSV or JSON lines of your own. A log that was imported before is left alone as long as it
    did not change; else its run is refreshed.
    """
    from guardrun.cli.importing import Place, import_logs

    mapping = _mapping(mappings)
    logs = _logs(sources, mapping)
    place = Place(Path(runs_dir), name, group, mapping)
    told: list[dict[str, Any]] = []
    for imported in import_logs(logs, place):
        told.append(_as_json(imported))
        if not as_json:
            click.echo(_line(imported))
            for note in imported.log.notes:
                click.echo(_plain(f"  {note}"))
    write_json({"runs": told}, to_stdout=as_json, file=json_file)


def _logs(sources: tuple[Path, ...], mapping: dict[str, str]) -> list[ForeignLog]:
    """All logs of all sources, each once: nothing is imported when one of the sources cannot be read."""
    from guardrun.reading.foreign import read_foreign

    logs = [log for source in sources for log in read_foreign(source.expanduser(), mapping or None)]
    return list({str(log.source.absolute()): log for log in logs}.values())


def _mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name.strip() and equals and column):
            raise UserError(f"--map {pair}: not of the form NAME=COLUMN", hint="--map train/loss=my_loss")
        found[name.strip()] = column
    return found


def _line(imported: Imported) -> str:
    log = imported.log
    how = {"imported": "", "refreshed": "refreshed: ", "unchanged": "unchanged: "}[imported.outcome]
    return _plain(f"{how}{imported.path}  {log.format}, from {log.source}")


def _as_json(imported: Imported) -> dict[str, Any]:
    log = imported.log
    monitor = None if log.monitor is None else {"name": log.monitor, "mode": log.mode}
    return {
        "run_id": imported.path.name, "path": str(imported.path), "outcome": imported.outcome,
        "source": str(log.source), "format": log.format, "monitor": monitor, "train_loss": log.train_loss,
        "notes": list(log.notes),
    }  # fmt: skip


def _plain(text: str) -> str:
    from guardrun.reading.plain_text import plain

    return plain(text)
