"""What is changed in a run afterwards does not stay green."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from audited_project import audited, kept, runs_of, verdicts
from guardrun.cli.main import run
from guardrun.judging.check_records import save_check


@pytest.fixture
def first(project: Path) -> Path:
    kept(project)
    return runs_of(project)[0]


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def write(run: Path, events: list[dict[str, Any]]) -> None:
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def part(document: dict[str, Any], question: str, name: str) -> dict[str, Any]:
    (item,) = [item for item in document["items"] if item["id"] == question]
    (found,) = [part for part in item["evidence"]["parts"] if part["name"] == name]
    return found


def best_folder(run: Path) -> Path:
    return run / "checkpoints" / json.loads((run / "checkpoints/best.json").read_text())["folder"]


def test_a_metric_that_was_edited_in_the_log_is_not_the_checkpoints(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = json.loads((first / "checkpoints/best.json").read_text())["step"]
    events = lines_of(first)
    for event in events:
        if event["kind"] == "eval" and event["step"] == step:
            event["val/loss"] /= 2
    write(first, events)

    document = audited(capsys, str(first), code=4)

    assert verdicts(document)["checkpoint"] == "fail"
    assert "one of them was changed" in part(document, "checkpoint", "as the log tells")["text"]


def test_a_better_value_that_no_checkpoint_has_leaves_the_question_open(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = json.loads((first / "checkpoints/best.json").read_text())["step"]
    events = lines_of(first)
    next(e for e in events if e["kind"] == "eval" and e["step"] != step)["val/loss"] = 1e-4
    write(first, events)

    found = part(audited(capsys, str(first), code=0), "checkpoint", "as the log tells")

    assert (found["verdict"], found["value"][0]) == ("unknown", 1e-4)


def test_lines_that_were_taken_out_are_counted(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(first, [event for event in lines_of(first) if event.get("step") not in (7, 8)])

    found = part(audited(capsys, str(first), code=4), "checkpoint", "log is whole")

    assert found["verdict"] == "fail"
    assert found["value"] >= 2
    assert found["file"] == "events.jsonl"


def test_the_checkpoint_of_another_run_is_told(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = runs_of(first.parents[1])[1]
    shutil.rmtree(best_folder(first))
    shutil.copytree(best_folder(other), first / "checkpoints" / best_folder(other).name, dirs_exist_ok=True)
    shutil.copy(other / "checkpoints/best.json", first / "checkpoints/best.json")

    found = part(audited(capsys, str(first), code=4), "checkpoint", "as the log tells")

    assert found["text"] == f"the best checkpoint is of the run {other.name}"


def test_a_checkpoint_that_was_made_anew_with_its_hashes_is_not_the_one_that_the_training_told_of(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import hashlib

    meta, pointer = best_folder(first) / "meta.json", first / "checkpoints/best.json"
    told = json.loads(meta.read_text())
    told["time"] += 1
    meta.write_text(json.dumps(told))
    changed = json.loads(pointer.read_text())
    changed["meta_sha256"] = hashlib.sha256(meta.read_bytes()).hexdigest()
    pointer.write_text(json.dumps(changed))

    document = audited(capsys, str(first), code=4)

    assert part(document, "checkpoint", "hash checked now")["verdict"] == "pass"
    assert "after the training had told of it" in part(document, "checkpoint", "as the log tells")["text"]


def test_a_result_of_guard_check_that_was_edited_does_not_count(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kept(project, overfit="fail")
    path.write_text(path.read_text().replace('"fail"', '"pass"'))

    document = audited(capsys, str(runs_of(project)[0]), code=0)

    assert verdicts(document)["sanity"] == "unknown"
    assert "not as `guard check` wrote it" in part(document, "sanity", "overfits one batch")["text"]


def test_a_partial_check_does_not_cover_up_what_was_edited_before(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kept(project, overfit="fail")
    path.write_text(path.read_text().replace('"fail"', '"pass"'))
    body = json.loads(path.read_text())
    only = [item for item in body["result"]["items"] if item["id"] == "shuffled-labels"]
    save_check(body["config_sha256"], body["commit"], {"verdict": "pass", "items": only}, project)

    document = audited(capsys, str(runs_of(project)[0]), code=0)

    assert part(document, "sanity", "shuffled labels")["verdict"] == "pass"
    assert part(document, "sanity", "overfits one batch")["text"] == "not tried on one batch"


def test_a_result_of_guard_check_for_another_configuration_or_code_does_not_count(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kept(project)
    body = json.loads(path.read_text())
    stem, _, code = path.stem.partition("-")
    (path.parent / f"{stem}-{'0' * len(code)}.json").write_text(json.dumps({**body, "commit": "0" * 40}))
    path.unlink()

    assert verdicts(audited(capsys, str(runs_of(project)[0]), code=0))["sanity"] == "unknown"


def test_a_copy_of_a_run_under_another_seed_is_no_repeat(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seeds 1 and 2, and run 2 once more as seed 9, its curves shaken a little."""
    runs = runs_of(first.parents[1])
    shutil.rmtree(runs[2])
    copy = runs[1].with_name(f"{runs[1].name}_9")
    shutil.copytree(runs[1], copy)
    identity = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**identity, "id": copy.name}))
    events = lines_of(copy)
    for event in events:
        if "seed" in event:
            event["seed"] = 9
        for key in ("train/loss", "val/loss"):
            if key in event:
                event[key] *= 1.001
    write(copy, events)

    document = audited(capsys, str(first), code=4)

    assert verdicts(document)["seeds"] == "fail"
    assert "it is a copy, no repeat" in part(document, "seeds", "three seeds or more")["text"]


def test_a_seed_that_is_not_the_configured_one_is_told(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = lines_of(first)
    for event in events:
        if event["kind"] == "seeds":
            event["seed"] = 77
    write(first, events)

    found = part(audited(capsys, str(first), code=0), "config", "seeds")

    assert found["text"] == "the configuration says seed 1, the training used 77"


def test_a_kept_yes_does_not_cover_an_item_that_says_no_now(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(first)]) == 0
    kept_answer = json.loads((first / "audit.json").read_text())
    (first / "audit.json").write_text(json.dumps({**kept_answer, "verdict": "pass"}))
    capsys.readouterr()

    assert run(["show", str(first), "--json"]) == 0

    items = {item["seed_item"]: item for item in json.loads(capsys.readouterr().out)["checklist"]}
    assert items[16]["verdict"] == "unknown"
    assert "now item" in items[16]["evidence"]["text"]


def test_a_run_that_git_tracks_is_audited_and_left_as_it_is(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = first.parents[1]
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *words], cwd=project, check=True)

    assert run(["audit", str(first)]) == 0

    assert "git tracks this run" in capsys.readouterr().out
    status = subprocess.run(
        ["git", "status", "--short"], cwd=project, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_no_save_leaves_nothing_behind(first: Path) -> None:
    assert run(["audit", str(first), "--no-save"]) == 0
    assert not (first / "audit.json").exists()
    assert run(["audit", str(first)]) == 0
    assert (first / "audit.json").exists()
