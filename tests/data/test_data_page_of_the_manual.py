"""docs/data.md names every finding that there is, and none that there isn't."""

from __future__ import annotations

import re
from pathlib import Path

import guardrun

ROOT = Path(__file__).parents[2]
SOURCES = Path(guardrun.__file__).parent / "provenance/data"


def test_every_finding_is_in_the_manual() -> None:
    source = "".join(file.read_text() for file in SOURCES.glob("*.py"))
    raised = set(re.findall(r'finding\(\s*"([a-z_]+)"', source)) | {"labels_missing", "values_missing"}
    table = (ROOT / "docs/data.md").read_text().partition("## What is found")[2].partition("\n## ")[0]
    named = {
        word
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for word in re.findall(r"`(\w+)`", row)
    }

    assert raised == named
