"""YAML that wants to run code, to grow without end or to exhaust the reader: a clear error, at once."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from guardrun.errors import UserError
from guardrun.provenance.config import load_config

TEN = 10
LAUGHS = "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * TEN)}]\n" for i in range(1, 10))
MERGED = "".join(f"  b{i}: &b{i}\n    <<: [{', '.join([f'*b{i - 1}'] * TEN)}]\n" for i in range(1, 9))
GROWING = "".join(f"  a{i}: '{f'${{params.a{i - 1}}}' * TEN}'\n" for i in range(1, 12))
BOMBS = {
    "aliases": (f"entry: t.py\nparams:\n  a0: &a0 [x, x]\n{LAUGHS}", "expansion exceeds"),
    "merge keys": (f"entry: t.py\nparams:\n  b0: &b0 {{x: 1}}\n{MERGED}", "expansion exceeds"),
    "references": (
        f"entry: t.py\nparams:\n  a0: xxxxxxxxxx\n{GROWING}",
        "params.a5: grows to more than 1 MiB",
    ),
    "a circle": ("entry: t.py\nparams: &p\n  x: *p\n", "recursive aliases"),
    "lists in lists": ("entry: t.py\nparams: " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
    "tables in tables": ("entry: t.py\nparams: " + "{a: " * 3_000 + "}" * 3_000, "nested too deeply"),
    "a number": ("entry: t.py\nseed: " + "9" * 100_000, "limit"),
    "a million keys": ("entry: t.py\nparams:\n" + "  k: 1\n" * 1_000_000, "too large"),
    "a command": ("entry: !!python/object/apply:os.system ['touch PLACE']\n", "tag"),
    "a class": ("entry: t.py\nparams: !!python/object/new:subprocess.Popen [[touch, PLACE]]\n", "tag"),
    "a module": ("entry: t.py\nparams: !!python/module:this\n", "tag"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_words_and_without_growing(bomb: str, tmp_path: Path) -> None:
    text, says = BOMBS[bomb]
    file = tmp_path / "config.yaml"
    file.write_text(text.replace("PLACE", str(tmp_path / "ran")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(UserError) as caught:
        load_config(file)

    assert says in caught.value.message
    assert len(caught.value.message) < 500
    assert not (tmp_path / "ran").exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_an_override_may_not_be_deeper_than_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("entry: t.py\n")

    with pytest.raises(UserError, match="nested too deeply"):
        load_config(file, ["params" + ".a" * 2_000 + "=1"])


def test_a_device_is_not_read_to_its_end() -> None:
    with pytest.raises(UserError, match="too large to be a configuration"):
        load_config("/dev/zero")


def test_references_that_stay_small_are_replaced(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = "entry: t.py\nparams:\n  lr: 0.1\n  same:\n  - ${params.lr}\n  - at ${params.lr} ${oc.env:HOME}\n"
    file.write_text(text)

    assert load_config(file).effective["params"]["same"] == [0.1, f"at 0.1 {os.environ['HOME']}"]
