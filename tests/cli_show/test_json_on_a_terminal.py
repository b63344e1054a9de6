"""JSON on standard output is the same document and acts on no terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrun.cli.output import write_json

TEXT = "Grüße \x9b31m \x7f \u202e \u200b \U000e0041 日本 \n \x1b[2J"


def test_what_would_act_is_escaped_and_the_document_stays(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_json({"name": TEXT, TEXT: 1}, to_stdout=True, file=tmp_path / "document.json")

    printed = capsys.readouterr().out

    assert all(char.isprintable() or char == "\n" for char in printed)
    assert "Grüße" in printed
    assert json.loads(printed) == {"name": TEXT, TEXT: 1}
    assert json.loads((tmp_path / "document.json").read_bytes()) == {"name": TEXT, TEXT: 1}
