"""Files below a folder that may be logs, and a short name for each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from guardrun.events.paths import is_run_directory

_DEEPEST: Final = 12
_MOST: Final = 50_000
"""Entries that are looked at."""
_NO_LOGS: Final = frozenset((
    ".py", ".pyc", ".sh", ".yaml", ".yml", ".toml", ".md", ".rst", ".html", ".css", ".js", ".ts", ".cpp",
    ".pt", ".pth", ".bin", ".safetensors", ".ckpt", ".onnx", ".npy", ".npz", ".pkl", ".h5", ".hdf5",
    ".parquet", ".arrow", ".png", ".jpg", ".jpeg", ".gif", ".mp4", ".pdf", ".svg", ".zip", ".gz", ".xz",
    ".bz2", ".tar", ".zst", ".h", ".so", ".o", ".a", ".whl", ".lock", ".ipynb", ".cu",
))  # fmt: skip
"""What no tool logs into: not worth opening when a whole folder is searched."""
_NO_FOLDERS: Final = frozenset(("__pycache__", "node_modules", "site-packages", "venv"))
_TELL_NOTHING: Final = frozenset((
    "metrics", "trainer_state", "measurements", "results", "training", "train", "log", "logs", "scalars",
    "vis_data", "csv_logs", "lightning_logs", "tensorboard", "tb", "tb_logs", "history", "output", "outputs",
))  # fmt: skip
"""Names that every run of a tool has."""

_SILENT: Final = re.compile(r"events\.out.*|[\d_.:T-]+|step_?\d+")
"""A date, a number, TensorBoard's own name."""


def is_folder_of_logs(name: str) -> bool:
    """Whether logs may lie in a folder of this name."""
    return name[0] != "." and name not in _NO_FOLDERS


def may_be_log(name: str) -> bool:
    """Whether a file of this name is worth opening."""
    return name[0] != "." and os.path.splitext(name)[1].lower() not in _NO_LOGS


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files by name, without hidden folders, folders behind links, and guard's own runs."""
    seen = 0
    top = len(folder.parts)
    for place, folders, files in os.walk(folder):
        here = Path(place)
        seen += len(folders) + len(files)
        deep = len(here.parts) - top >= _DEEPEST or seen > _MOST
        ours = here != folder and is_run_directory(here)
        folders[:] = [] if deep or ours else sorted(filter(is_folder_of_logs, folders))
        if ours:
            continue
        for name in sorted(files):
            path = here / name
            if may_be_log(name) and path.is_file():
                yield path


def names_of(top: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each log: the parts of its path that tell it from the others, the silent ones left out."""
    names = _without_common({path: _telling(top, path) for path in paths})
    held: dict[str, int] = {}
    for path, name in names.items():
        held[name] = held.get(name, 0) + 1
        if held[name] > 1:
            names[path] = f"{name}-{held[name]}"
    return names


def _without_common(names: dict[Path, str]) -> dict[Path, str]:
    """The names without the folders in which all of them lie."""
    parts = [name.split("/")[:-1] for name in names.values()]
    common = 0
    while len(parts) > 1 and all(len(p) > common and p[common] == parts[0][common] for p in parts):
        common += 1
    return {path: "/".join(name.split("/")[common:]) for path, name in names.items()}


def _telling(top: Path, path: Path) -> str:
    inside = path != top
    parts = path.relative_to(top).parts if inside else path.absolute().parts[-3:]
    told = [
        part
        for part in parts[:-1]
        if part.lower() not in _TELL_NOTHING and not part.startswith("checkpoint-")
    ]
    stem = parts[-1].split(".log.json")[0]
    if "." in stem[-7:] and not path.is_dir():
        stem = stem.rpartition(".")[0] or stem
    if stem.lower() not in _TELL_NOTHING and not _SILENT.fullmatch(stem):
        told.append(stem)
    told = [part for part in told if part != "/"]
    if inside:
        return "/".join(told) or top.absolute().name or stem
    return (told[-1] if told else "") or stem
