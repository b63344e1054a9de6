"""The page of one checkpoint, from its meta.json alone: nothing is unpickled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from guardrun.cli.output import padded
from guardrun.cli.run_words import local_time
from guardrun.cli.terminal import styled
from guardrun.reading.plain_text import plain
from guardrun.state.values import real, table, whole, words
from guardtui import formatting
from guardtui.glyphs import Glyphs, choose

_LABEL: Final = 13
_MOST_FILES: Final = 64


def checkpoint_page(path: Path, meta: Mapping[str, Any]) -> list[str]:
    """What the checkpoint holds, and whether its files are there in their recorded sizes."""
    glyphs = choose()
    lines = [styled(f"checkpoint {plain(path.name)}", "bold"), styled(f"  {plain(str(path))}", "dim"), ""]
    for label, text in _facts(meta):
        lines.append(styled(padded(label, _LABEL), "dim") + text)
    label = "files"
    files = meta.get("files")
    for file in (files if isinstance(files, list) else [])[:_MOST_FILES]:
        lines.append(styled(padded(label, _LABEL), "dim") + _file(path, table(file), glyphs))
        label = ""
    return lines


def _facts(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    step, epoch, attempt = (whole(meta.get(key)) for key in ("step", "epoch", "attempt"))
    place = [f"step {step:,}" if step is not None else "step unknown"]
    if epoch is not None:
        place.append(f"epoch {epoch + 1}")
    if attempt is not None:
        place.append(f"attempt {attempt}")
    yield "place", " · ".join(place)
    written = real(meta.get("time"))
    if written is not None:
        yield "written", local_time(written)
    monitor = table(meta.get("monitor"))
    metric = real(meta.get("metric"))
    if metric is not None:
        yield "metric", f"{plain(words(monitor.get('name')) or 'metric')} {formatting.number(metric)}"
    for name, value in table(meta.get("metrics")).items():
        number = real(value)
        if number is not None and name != monitor.get("name"):
            yield "", f"{plain(str(name))} {formatting.number(number)}"
    yield from _origin(meta)


def _origin(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the weights come from: run, code, configuration, data."""
    if words(meta.get("run_id")):
        yield "run", plain(words(meta.get("run_id")))
    if words(meta.get("commit")):
        dirty = " with uncommitted changes" if meta.get("dirty") else ""
        yield "commit", plain(words(meta.get("commit")))[:12] + dirty
    else:
        yield "commit", "none recorded"
    for label, key in (("code", "code_sha256"), ("config", "config_sha256")):
        if words(meta.get(key)):
            yield label, f"sha256 {plain(words(meta.get(key)))[:12]}"
    if not table(meta.get("data")):
        yield "data", "none recorded: run.data(name, …) tells what the weights were trained on"
    for name, sha in table(meta.get("data")).items():
        yield "data", f"{plain(str(name))} · sha256 {plain(str(sha))[:12]}"
    ranks = whole(meta.get("world_size"))
    if ranks is not None and ranks > 1:
        yield "ranks", str(ranks)


def _file(folder: Path, file: Mapping[str, Any], glyphs: Glyphs) -> str:
    name, size = words(file.get("path")), whole(file.get("bytes"))
    parts = [plain(name) or "?"]
    if size is not None:
        parts.append(formatting.size(size))
    if words(file.get("sha256")):
        parts.append(f"sha256 {plain(words(file.get('sha256')))[:12]}")
    parts.append(_presence(folder, name, size, glyphs))
    return " · ".join(parts)


def _presence(folder: Path, name: str, size: int | None, glyphs: Glyphs) -> str:
    try:
        found = os.stat(folder / name).st_size
    except (OSError, ValueError):
        return f"{glyphs.bad} missing"
    if size is not None and found != size:
        return f"{glyphs.bad} has {formatting.size(found)}"
    return f"{glyphs.done} there"
