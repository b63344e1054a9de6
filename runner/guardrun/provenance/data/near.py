"""Near duplicates: perceptual hashes of images (imagehash), MinHash of texts (datasketch)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guardrun.errors import UserError
from guardrun.provenance.data.findings import TRAIN, Finding, finding, role_of

IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
BITS_APART = 4
"""Of 64: two images whose hashes differ in no more look alike (scaled, recompressed, slightly cropped)."""
SIMILARITY = 0.8
"""Jaccard similarity of the sets of three successive words."""
PERMUTATIONS = 128
PAIRS_KEPT = 1000
_CHUNK = 4_000_000
_WORD = re.compile(r"\w+")

Pair = tuple[int, int]


def _need(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(
            f"near duplicates need {module}, which is not installed", hint="pip install 'guardrun[near]'"
        ) from None


def image_hashes(files: Sequence[Path]) -> tuple[Any, list[int]]:
    """A 64-bit perceptual hash of each image, and the positions of files that are no readable image.

    Raises UserError where imagehash is missing.
    """
    import numpy as np

    imagehash, image = _need("imagehash"), _need("PIL.Image")
    found = np.zeros(len(files), dtype=np.uint64)
    bad = []
    for index, file in enumerate(files):
        try:
            with image.open(file) as opened:
                bits = imagehash.phash(opened.convert("RGB")).hash.reshape(-1)
        except Exception:  # a decoder may raise anything on a damaged file
            bad.append(index)
            continue
        found[index] = np.packbits(bits).view(">u8")[0]
    return found, bad


def near_images(one: Any, other: Any, bits: int = BITS_APART) -> list[Pair]:
    """Pairs of positions whose hashes differ in at most ``bits`` bits."""
    import numpy as np

    ones = np.array([bin(value).count("1") for value in range(1 << 16)], dtype=np.uint8)
    pairs: list[Pair] = []
    step = max(1, _CHUNK // max(1, len(other)))
    for start in range(0, len(one), step):
        apart = (one[start : start + step, None] ^ other[None, :]).view(np.uint16)
        count = ones[apart].reshape(apart.shape[0], len(other), 4).sum(axis=2)
        pairs += [(start + int(i), int(j)) for i, j in np.argwhere(count <= bits)]
    return pairs


def near_texts(one: Sequence[str], other: Sequence[str], similarity: float = SIMILARITY) -> list[Pair]:
    """Pairs of positions of texts that share most of their sequences of three words.

    Raises UserError where datasketch is missing. MinHash estimates: close to the limit it may err.
    """
    datasketch = _need("datasketch")
    index = datasketch.MinHashLSH(threshold=similarity, num_perm=PERMUTATIONS)
    known = {}
    for position, text in enumerate(one):
        known[position] = _minhash(datasketch, text)
        index.insert(position, known[position])
    pairs: list[Pair] = []
    for position, text in enumerate(other):
        asked = _minhash(datasketch, text)
        alike = (at for at in sorted(index.query(asked)) if known[at].jaccard(asked) >= similarity)
        pairs += [(int(candidate), position) for candidate in alike]
    return pairs


def _minhash(datasketch: Any, text: str) -> Any:
    words = _WORD.findall(text.lower())
    pieces = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    made = datasketch.MinHash(num_perm=PERMUTATIONS)
    made.update_batch([piece.encode("utf-8", "replace") for piece in sorted(pieces)])
    return made


def judge_near(
    one: str, other: str, pairs: Sequence[Pair], names: tuple[Sequence[str], Sequence[str]]
) -> list[Finding]:
    """One finding for the pairs between two splits; ``names`` are those of their examples."""
    if not pairs:
        return []
    learned, measured = (one, other) if role_of(one) == TRAIN or role_of(other) != TRAIN else (other, one)
    shown = [[names[0][i][:200], names[1][j][:200]] for i, j in pairs[:PAIRS_KEPT]]
    count = len({j for _, j in pairs}) if learned == one else len({i for i, _ in pairs})
    return [finding(
        "near_duplicates_across_splits", "act" if role_of(learned) == TRAIN else "warn",
        f"{count} {'example' if count == 1 else 'examples'} of {measured} nearly "
        f"{'equals' if count == 1 else 'equal'} one of {learned}",
        f"look at the pairs; drop the copies from {learned}, or split by groups so that they stay together",
        splits=[learned, measured], count=count, pairs=shown,
    )]  # fmt: skip
