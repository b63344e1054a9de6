"""Near duplicates between the tables of ``guard data duplicates --near``."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from guardrun.errors import UserError
from guardrun.provenance.data.near import IMAGES, image_hashes, judge_near, near_images, near_texts

_TEXT_BYTES = 1024 * 1024


def near_findings(tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Findings between each two of the tables. Raises UserError where they hold neither images nor texts."""
    images = [table.files is not None and _has_images(table) for table in tables.values()]
    if all(images):
        return _images(tables)
    texts = {name: _texts_of(table) for name, table in tables.items()}
    if any(images) or any(found is None for found in texts.values()):
        raise UserError(
            "near duplicates are looked for between folders of images, and between texts",
            hint="give folders of images or text files, or tables with one column of text",
        )
    found = []
    for one, other in combinations(texts, 2):
        first, second = texts[one] or [], texts[other] or []
        found += judge_near(one, other, near_texts(first, second), (first, second))
    return found


def _has_images(table: Any) -> bool:
    return any(file.suffix.lower() in IMAGES for file in table.files)


def _images(tables: dict[str, Any]) -> list[dict[str, Any]]:
    import numpy as np

    hashes, names = {}, {}
    for name, table in tables.items():
        files = [file for file in table.files if file.suffix.lower() in IMAGES]
        values, bad = image_hashes(files)
        hashes[name] = np.delete(values, bad)
        names[name] = [str(file) for index, file in enumerate(files) if index not in set(bad)]
    found = []
    for one, other in combinations(tables, 2):
        found += judge_near(one, other, near_images(hashes[one], hashes[other]), (names[one], names[other]))
    return found


def _texts_of(table: Any) -> list[str] | None:
    """The texts of a table: the longest of its columns of text, or what its files hold."""
    if table.files is not None:
        return [file.read_bytes()[:_TEXT_BYTES].decode("utf-8", "replace") for file in table.files]
    columns = [
        values for values in table.features().values()
        if isinstance(values, list) and all(isinstance(one, str | None) for one in values)
    ]  # fmt: skip
    if not columns:
        return None
    longest = max(columns, key=lambda values: sum(len(one or "") for one in values))
    return [one or "" for one in longest]
