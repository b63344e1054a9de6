"""The versions that the page about frameworks says were tried are those that the extras ask for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRIED = re.findall(
    r"([a-z][\w-]*) (\d[\d.]*\d)–(\d[\d.]*\d)", (ROOT / "docs/integrations/README.md").read_text()
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PINNED = {
    *(ROOT / "constraints.txt").read_text().split(),
    *(ROOT / "Makefile").read_text().split(),  # of what is tested in an environment of its own
}


@pytest.mark.parametrize(("package", "oldest", "newest"), TRIED)
def test_a_range_of_versions_begins_and_ends_with_one_that_was_tried(package, oldest, newest) -> None:
    asked = [word for words in EXTRAS.values() for word in words if word.startswith(f"{package}>=")]
    assert asked
    for word in asked:
        assert re.fullmatch(rf"{package}>={re.escape(oldest)}(,<\d+)?", word)
    assert f"{package}=={newest}" in PINNED


def test_every_extra_of_a_framework_says_what_was_tried() -> None:
    named = {package for package, _, _ in TRIED}
    extras = (
        "transformers",
        "lightning",
        "accelerate",
        "keras",
        "ultralytics",
        "tensorboard",
        "wandb",
        "mlflow",
    )
    assert {re.split(r"[>=]", EXTRAS[extra][0])[0] for extra in extras} == named
