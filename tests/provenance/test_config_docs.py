"""docs/config.md says everything that the configuration can say, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml

from guardrun.provenance.config import load_config
from guardrun.provenance.config.model import SECTIONS, Config, known_keys

DOCS = Path(__file__).resolve().parents[2] / "docs/config.md"
ROW = re.compile(r"^\| `([\w.]+)` \| (.*?) \| (.+) \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """Key -> its default as written in the tables."""
    return {key: default for key, default, _ in ROW.findall(DOCS.read_text())}


def test_every_key_is_documented_and_every_documented_key_exists() -> None:
    assert set(documented()) == {key for key in known_keys() if key not in SECTIONS}


def test_sections_have_a_heading() -> None:
    headings = " ".join(line for line in DOCS.read_text().splitlines() if line.startswith("###"))
    assert [section for section in SECTIONS if f"`{section}`" not in headings] == []


def test_documented_defaults_are_the_real_ones() -> None:
    real = msgspec.to_builtins(Config())
    for key, written in documented().items():
        section, _, name = key.rpartition(".")
        default = real[section][name] if section else real[name]
        if written.strip("`") in ("–", "the file's name", "by the name"):
            assert default in (None, ""), key
        else:
            assert yaml.safe_load(written.strip("`")) == default, key


def test_every_field_has_a_docstring() -> None:
    """The struct's own documentation: a docstring under each field."""
    source = (Path(__file__).resolve().parents[2] / "runner/guardrun/provenance/config/model.py").read_text()
    for key in known_keys():
        name = key.rpartition(".")[2]
        assert re.search(rf'^    (?:{name}: .*|\w+: .*name="{name}".*)\n    """', source, re.MULTILINE), key


def test_the_examples_load(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        path = tmp_path / "example.yaml"
        path.write_text(example)
        load_config(path)
