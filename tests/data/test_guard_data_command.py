"""``guard data``: fingerprints, splits and duplicates from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guardrun.cli.main import run


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    numbers, kinds = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    lines = [f"{a:.4f},{b:.4f},{'xy'[k]}" for (a, b), k in zip(numbers, kinds, strict=True)]
    Path("train.csv").write_text("a,b,label\n" + "\n".join(lines[:50]) + "\n")
    Path("test.csv").write_text("a,b,label\n" + "\n".join(lines[48:]) + "\n")
    return tmp_path


def test_a_fingerprint_is_one_json_document(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["data", "fingerprint", "train.csv", "--json", "--version", "2", "--json-file", "old.json"]) == 0
    )

    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(Path("old.json").read_text())
    assert (found["name"], found["count"], found["version"], found["label"]) == ("train", 50, "2", "label")
    assert set(found) >= {"sha256", "rule", "bytes", "classes", "fields", "statistics_rule", "findings"}


def test_several_paths_are_compared_and_findings_set_the_exit_code(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "fingerprint", "train.csv", "test.csv"]) == 0
    out = capsys.readouterr().out
    assert "✗ 2 examples of test (17 %) are in train, too" in out
    assert max(map(len, out.splitlines())) <= 80
    assert run(["data", "fingerprint", "train.csv", "test.csv", "--fail-on", "act"]) == 4
    assert run(["data", "fingerprint", "train.csv", "--fail-on", "act"]) == 0


def test_a_changed_file_is_told_against_its_earlier_record(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["data", "fingerprint", "train.csv", "--json-file", "old.json"])
    Path("train.csv").write_text(Path("train.csv").read_text() + "500,1,z\n" * 9)
    capsys.readouterr()

    assert run(["data", "fingerprint", "train.csv", "--against", "old.json", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [one["id"] for one in findings if one["id"].startswith("data")] == ["data_drift"]
    assert run(["data", "fingerprint", "train.csv", "--against", "train.csv"]) == 2


def test_what_is_not_there_or_no_table_is_told(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.bin").write_bytes(b"\0" * 10)

    assert run(["data", "fingerprint", "nowhere"]) == 2
    assert "there is no file or folder nowhere" in capsys.readouterr().err
    assert run(["data", "fingerprint", "a.bin"]) == 0
    assert "none: guard reads no columns of a .bin" in " ".join(capsys.readouterr().out.split())
    assert run(["data", "duplicates", "a.bin", "train.csv"]) == 2


def test_control_characters_of_a_file_stay_out_of_the_terminal(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.csv").write_text("a\x1b[31m,label\n1,x\x1b]0;title\x07\n2,y\n")

    run(["data", "fingerprint", "train.csv"])

    assert "\x1b" not in capsys.readouterr().out


def test_a_split_is_dealt_once_checked_and_refused_when_it_changed(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "split", "splits.json", "--parts", "train=0.8,test=0.2", "--of", "train.csv", "--json"]
    assert run(command) == 0
    made = json.loads(capsys.readouterr().out)
    assert sum(made["counts"].values()) == 50
    assert run(command) == 2
    assert run(["data", "split", "splits.json"]) == 0
    assert "unchanged since it was first used" in capsys.readouterr().out
    parts = json.loads(Path("splits.json").read_text())
    parts["test"].append(parts["train"][0])
    Path("splits.json").write_text(json.dumps(parts))
    assert run(["data", "split", "splits.json"]) == 2
    assert "changed after it was sealed" in capsys.readouterr().err
    Path("own.json").write_text(json.dumps(parts))
    assert run(["data", "split", "own.json", "--fail-on", "act"]) == 4
    assert run(["data", "split", "new.json", "--parts", "train=0.8,test=0.3", "--count", "10"]) == 2
    assert run(["data", "split", "new.json", "--parts", "train=1"]) == 2


def pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        image = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
        target = folder / "train" / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target)
        if number == 0:
            (folder / "test").mkdir()
            image.resize((56, 56)).save(folder / "test" / "smaller.jpg", quality=80)
    other = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
    other.save(folder / "test" / "other.png")
    (folder / "test" / "broken.png").write_bytes(b"no image")


def test_images_that_look_alike_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path)
    paths = [str(tmp_path / "train"), str(tmp_path / "test")]

    assert run(["data", "duplicates", *paths, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert run(["data", "duplicates", *paths, "--near", "--json", "--fail-on", "act"]) == 4
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["id"], found["evidence"]["count"]) == ("near_duplicates_across_splits", 1)
    assert [Path(one).name for one in found["evidence"]["pairs"][0]] == ["0.png", "smaller.jpg"]


def test_texts_that_say_nearly_the_same_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(f"word{i}" for i in range(60))
    (tmp_path / "train.txt").write_text(f"{text}\nsomething else entirely\n")
    (tmp_path / "test.txt").write_text(f"{text} more\nnothing of the kind here\n")

    assert run(["data", "duplicates", str(tmp_path / "train.txt"), str(tmp_path / "test.txt"), "--near"]) == 0
    assert "1 example of test nearly equals one of train" in capsys.readouterr().out


def test_without_the_extra_near_names_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    pictures(tmp_path)
    monkeypatch.setitem(sys.modules, "imagehash", None)

    assert run(["data", "duplicates", str(tmp_path / "train"), str(tmp_path / "test"), "--near"]) == 2
    assert "pip install 'guardrun[near]'" in capsys.readouterr().err


def test_folders_and_tables_are_not_compared_as_texts(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tables / "images")

    assert run(["data", "duplicates", "images/train", "train.csv", "--near"]) == 2
    assert "between folders of images, and between texts" in capsys.readouterr().err
