"""Lines that were taken out of a log leave a gap, wherever the log is cut into blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardrun.events.paths import RunPaths
from guardrun.judging import log_seal


@pytest.mark.parametrize("block", [7, 64, 4 << 20])
def test_gaps_and_checkpoints_are_found_whatever_the_size_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(log_seal, "_BLOCK", block)
    monkeypatch.setattr(log_seal, "_LONGEST", 200)
    rows = [b'{"t":1.0,"seq":%d,"kind":"metrics","step":1}\n' % turn for turn in (0, 1, 2, 5, 6, 0, 1, 3)]
    saved = b'{"t":1.0,"seq":7,"kind":"checkpoint","path":"checkpoints/a","meta_sha256":"ff"}\n'
    log = [*rows[:5], saved, b"x" * 400 + b"\n", *rows[5:]]
    RunPaths(tmp_path).events().write_bytes(b"".join(log))

    seal = log_seal.read_seal(RunPaths(tmp_path))

    assert seal.announced == {"checkpoints/a": "ff"}
    assert seal.missing == {"events.jsonl": 3}
