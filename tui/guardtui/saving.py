"""Writing an exported chart: the only files that the dashboard makes beside commands and settings."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from guardrun.events.atomic import write_atomic
from guardtui.chart.model import ChartModel
from guardtui.exporting import ExportError, exported
from guardtui.text import clean

_MOST_NAME: Final = 160
"""Bytes of a file's name, with room for its ending below every file system's limit."""


def export(model: ChartModel, of: str, kind: str, folder: str) -> tuple[str, str]:
    """One chart of a run as a file; its path and "", or "" and what went wrong."""
    try:
        data = exported(model, kind)
    except ExportError as error:
        return "", str(error)
    except Exception as error:  # whatever a drawing library makes of odd data: say it, and go on
        return "", f"the {kind.upper()} cannot be drawn ({type(error).__name__}: {clean(error)})"
    return save(data, folder, of, model.title, kind)


def save(data: bytes, folder: str, of: str, title: str, kind: str) -> tuple[str, str]:
    """Write ``data`` as ``<of>-<title>.<kind>`` into a folder ("" is the current one), beside what is there.

    Returns the path and "", or "" and what went wrong.
    """
    place = Path(os.path.expanduser(folder)) if folder else Path.cwd()
    try:
        if not place.is_dir():
            what = "is not a folder" if place.exists() else "does not exist"
            return "", f"the folder {place} {what}: make it, or choose another with f"
        path = free_path(place, name_of(of, title), kind)
        write_atomic(path, data)
    except OSError as error:
        return "", f"cannot write into {place}: {error.strerror or error}; choose another folder with f"
    return str(path), ""


def name_of(of: str, title: str) -> str:
    """A file's name for the chart of a run: short, and taken by every shell as it is.

    >>> name_of("digits", "val/loss (mean) of ../x"), name_of("", "\x1b[31m")
    ('digits-val-loss-mean-of-x', '31m')
    """
    name = "-".join(part for part in (_slug(of), _slug(title)) if part) or "chart"
    return name.encode()[:_MOST_NAME].decode(errors="ignore")


def _slug(text: str) -> str:
    """Letters, digits and dashes, and dots between them."""
    return re.sub(r"[-.]*-[-.]*", "-", re.sub(r"[^\w.]+", "-", text)).strip("-._")


def free_path(folder: Path, name: str, kind: str) -> Path:
    """A path where nothing is yet: name.svg, name-2.svg …"""
    path = folder / f"{name}.{kind}"
    number = 2
    while path.exists() or path.is_symlink():
        path = folder / f"{name}-{number}.{kind}"
        number += 1
    return path
