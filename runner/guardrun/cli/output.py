"""What the reading commands share: JSON on demand, exit codes by signals, words of equal width."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.errors import UserError
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.state.model import CheckpointRef, RunState

FOUND: Final = 4
"""Exit code of --fail-on when a signal of that severity stands."""
_UNUSUAL: Final = re.compile(r"[^\x20-\x7e\n]")
_NARROWEST: Final = 40


def runs_dir_default() -> str:
    """Where runs are looked for when nobody says."""
    return os.environ.get("GUARDRUN_RUNS_DIR") or "runs"


def own_words(ref: CheckpointRef) -> str:
    """`` = out/checkpoint-265``: what a checkpoint stands for that the training itself saved; else ""."""
    if not ref.own:
        return ""
    try:
        here = os.path.relpath(ref.own)
    except (OSError, ValueError):  # this folder is gone; a log may say anything
        here = os.pardir
    return f" = {plain(ref.own if here.startswith(os.pardir) else here)}"


def json_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--json, --json-file and --fail-on, alike in every command that reads runs."""
    for option in reversed((
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
        click.option("--json-file", type=click.Path(dir_okay=False, path_type=Path),
                     help="Write the JSON document to this file as well."),
        click.option("--fail-on", type=click.Choice(["info", "warn", "act"]),
                     help=f"Exit with {FOUND} when a signal of this severity or above stands."),
    )):  # fmt: skip
        command = option(command)
    return command


def write_json(document: Any, *, to_stdout: bool, file: Path | None) -> None:
    """Print the document and nothing else, or write it to a file; both, one or neither."""
    if not to_stdout and file is None:
        return
    import orjson

    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if to_stdout:
        click.echo(_harmless(text), nl=False)
    if file is not None:
        from guardrun.events.atomic import write_atomic

        try:
            write_atomic(file, text, sync=False)
        except OSError as error:
            raise UserError(f"cannot write {file}: {error.strerror or error}") from error


def _harmless(document: bytes) -> str:
    """The same document, with escapes for what would act on a terminal: JSON allows C1 controls, DEL and
    bidirectional overrides as they are.
    """
    text = document.decode("utf-8")
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNUSUAL.sub(
        lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text
    )


def exit_code_for(states: Iterable[RunState], fail_on: str | None) -> int:
    """0, or 4 when a standing signal that nobody has acknowledged is at least that severe."""
    if fail_on is None:
        return 0
    from guardrun.signals.model import SEVERITY_ORDER

    least = SEVERITY_ORDER[fail_on]
    for state in states:
        for signal in state.signals:
            unknown = signal.cleared_at is None and signal.acknowledged_at is None
            if unknown and SEVERITY_ORDER[signal.severity] >= least:
                return FOUND
    return 0


def screen_width(most: int) -> int:
    """Columns to write in: the terminal's, at most ``most``; 80 where there is no terminal to ask."""
    return max(_NARROWEST, min(most, shutil.get_terminal_size((80, 24)).columns))


def cells(text: str) -> int:
    """Terminal cells of a plain text: East Asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    marks = sum(unicodedata.combining(char) > 0 for char in text)
    return len(text) + wide - marks


def shortened(text: str, width: int) -> str:
    """The text in at most ``width`` cells, with an ellipsis where it was cut."""
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return text.rstrip() + "…" if width > 0 else ""


def shortened_middle(text: str, width: int) -> str:
    """As ``shortened``, but both ends stay: a run id ends with what tells it from its siblings."""
    if cells(text) <= width or width < 8:
        return shortened(text, width)
    head, tail = text[: width - 6], text[-5:]
    while head and cells(head) + cells(tail) + 1 > width:
        head = head[:-1]
    return f"{head}…{tail}"


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly ``width`` cells."""
    text = shortened(text, width)
    space = " " * (width - cells(text))
    return space + text if right else text + space
