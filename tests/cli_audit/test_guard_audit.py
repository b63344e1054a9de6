"""``guard audit`` on real small trainings: three seeds, a kept check, and copies with planted faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from audited_project import audited, kept, runs_of, verdicts
from compared_runs import finished_run
from guardrun.cli.main import run
from guardrun.judging.check_records import config_fingerprint, find_check, save_check
from run_factory import RunWriter


def test_three_seeds_with_a_kept_check_are_green_but_for_what_nobody_measured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(project)

    document = audited(capsys, str(runs_of(project)[0]), code=0)

    told = verdicts(document)
    assert {told[name] for name in ("config", "sanity", "leakage", "checkpoint", "seeds")} == {"pass"}
    assert {item["seed_item"] for item in document["checklist"]} == set(range(1, 17))
    for item in document["items"]:
        assert set(item) == {"id", "seed_item", "verdict", "evidence", "next"}
        assert item["evidence"]["text"]
        assert all(part["file"] or part["value"] is not None for part in item["evidence"]["parts"])


def test_without_a_check_the_sanity_question_is_open_and_strict_makes_it_a_no(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(runs_of(project)[0])

    assert verdicts(audited(capsys, path, code=0))["sanity"] == "unknown"
    audited(capsys, path, "--strict", code=4)


def test_a_failed_check_of_this_very_code_is_a_no(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(project, shuffled_labels="fail")

    document = audited(capsys, str(runs_of(project)[0]), code=4)

    sanity = next(item for item in document["items"] if item["id"] == "sanity")
    assert sanity["verdict"] == "fail"
    assert sanity["seed_item"] == 6
    assert sanity["next"] == "look at shuffled-labels"


def test_the_hash_of_the_best_checkpoint_is_checked_anew(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs_of(project)[0]
    folder = json.loads((path / "checkpoints/best.json").read_bytes())["folder"]
    meta = path / "checkpoints" / folder / "meta.json"
    meta.write_bytes(meta.read_bytes().replace(b'"step"', b'"steq"'))

    document = audited(capsys, str(path), code=4)

    assert verdicts(document)["checkpoint"] == "fail"


def test_one_seed_alone_is_a_no_with_the_command_that_mends_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = runs_of(project)
    for each in others:
        shutil.rmtree(each)

    document = audited(capsys, str(first), code=4)

    seeds = next(item for item in document["items"] if item["id"] == "seeds")
    assert seeds["next"] == f"guard repeat {first.name} --seeds 1,2,3"


def test_a_run_of_the_group_with_other_settings_is_named_where_repeats_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, rate in {1: 0.1, 2: 0.1, 3: 0.3}.items():
        own = {"params": {"lr": rate}, "group": "g"}
        finished_run(tmp_path, seed=seed, name=f"s{seed}", group="g", config=own)
    first, _, odd = sorted(tmp_path.iterdir())

    document = audited(capsys, str(first), code=4)
    text = json.dumps(next(item for item in document["items"] if item["id"] == "seeds"))
    assert f"2 seeds of this configuration ended well; {odd.name} of the same group" in text
    assert "differs by more than its seed: params.lr" in text


def test_seeds_whose_curves_are_equal_are_a_finding(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = runs_of(project)
    lines = (second / "events.jsonl").read_bytes().splitlines(keepends=True)
    told = [line for line in lines if b'"metrics"' not in line and b'"eval"' not in line]
    curves = [
        line for line in (first / "events.jsonl").read_bytes().splitlines(keepends=True)
        if b'"metrics"' in line or b'"eval"' in line
    ]  # fmt: skip
    (second / "events.jsonl").write_bytes(b"".join([*told[:-1], *curves, told[-1]]))

    document = audited(capsys, str(second), code=4)

    item = document["checklist"][0]
    assert item["verdict"] == "fail"
    assert "does not reach the script" in item["evidence"]["text"]


def test_the_page_fits_eighty_columns_and_lists_all_items_with_the_way_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(runs_of(project)[0])]) == 0
    page = capsys.readouterr().out

    assert max(map(len, page.splitlines())) <= 80
    for words in ("? questions are open  tiny", "✓ yes  configuration complete", "hash checked now",
                  "? open sanity checks passed", "to turn it green", "3 seeds: 1, 2, 3"):  # fmt: skip
        assert words in page


def test_many_runs_are_a_line_each_and_a_summary(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        RunWriter(project / "runs", f"empty{number}", suffix=f"empty_000{number}")

    assert run(["audit", str(project / "runs")]) == 4
    page = capsys.readouterr().out

    assert max(map(len, page.splitlines())) <= 80
    assert page.count("_tiny_") == 3
    assert "0 of 6 runs may be declared" in page


def test_the_answer_is_kept_for_guard_show_until_the_run_grows(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs_of(project)[0]
    shown = lambda: next(line for line in _shown(path, capsys).splitlines() if "16 audit" in line)  # noqa: E731
    assert "? 16 audit" in shown()
    kept(project, overfit="fail")

    run(["audit", str(path)])
    capsys.readouterr()
    assert "✗ 16 audit" in shown()

    with open(path / "events.jsonl", "ab") as file:
        file.write(b'{"t":1,"seq":9999,"kind":"note","text":"more"}\n')
    assert "? 16 audit" in shown()


def _shown(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["show", str(path)]) == 0
    return capsys.readouterr().out


def test_bad_runs_get_findings_and_never_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing recorded; half written; live; files of the wrong kind."""
    empty = RunWriter(tmp_path, "empty", suffix="a_0001")
    half = RunWriter(tmp_path, "half", suffix="b_0002")
    half.launch(config={"params": {"lr": 1}})
    half.start()
    half.train(20)
    with open(half.paths.events(), "ab") as file:
        file.write(b'{"t":1,"kind":"eval","val/lo')
    odd = RunWriter(tmp_path, "odd", suffix="c_0003")
    odd.paths.attempt(1).write_text("[1, 2]")
    (odd.paths.root / "audit.json").write_text("not json")
    odd.paths.pointer("best").write_text('{"folder": "../../etc", "meta_sha256": 3}')
    odd.paths.events().write_bytes(b"\x00\xff\n{}\n[]\n")

    for writer in (empty, half, odd):
        document = audited(capsys, str(writer.paths.root), code=4)
        assert all(item["next"] for item in document["items"] if item["verdict"] != "pass")
        assert run(["audit", str(writer.paths.root)]) == 4
        assert "to turn it green" in capsys.readouterr().out


def test_a_run_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "nowhere", "--runs-dir", str(tmp_path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_read_only_run_is_audited_all_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = runs_of(project)[0]
    (path / "audit.json").mkdir()  # stands for a folder that may not be written: root may write any

    assert audited(capsys, str(path), code=0)["verdict"] == "unknown"


def test_kept_checks_stay_out_of_git_and_a_partial_one_keeps_the_other_items(tmp_path: Path) -> None:
    key = config_fingerprint({"params": {"lr": 1}, "entry": "train.py"})
    first = {"verdict": "pass", "items": [{"id": "overfit", "seed_item": 7, "verdict": "pass"}]}
    second = {"verdict": "fail", "items": [{"id": "baseline", "seed_item": 5, "verdict": "fail"}]}
    save_check(key, "code", first, tmp_path)
    save_check(key, "code", second, tmp_path)

    found = find_check(key, "code", tmp_path)

    assert found is not None
    assert found.same_code
    assert {item["id"]: item["verdict"] for item in found.items()} == {"overfit": "pass", "baseline": "fail"}
    assert (tmp_path / ".guardrun/.gitignore").read_text() == "*\n"
    other = find_check(key, "other code", tmp_path)
    assert other is not None
    assert not other.same_code
    assert find_check(config_fingerprint({"params": {"lr": 2}}), "code", tmp_path) is None


def test_the_fingerprint_of_a_configuration_forgets_seed_and_name_but_no_setting() -> None:
    base = {"params": {"lr": 1}, "entry": "t.py", "args": ["--seed", "1"], "seed": 1, "name": "a"}

    assert config_fingerprint(base) == config_fingerprint(
        {**base, "args": ["--seed", "2"], "seed": 2, "name": "b"}
    )
    assert config_fingerprint(base) != config_fingerprint({**base, "params": {"lr": 2}})
    assert config_fingerprint(base) != config_fingerprint({**base, "monitor": {"metric": "val/acc"}})
    assert config_fingerprint(base) == config_fingerprint({**base, "nnodes": 1}), (
        "a default of a later version"
    )


def test_the_log_of_another_tool_gets_its_one_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "history.csv"
    log.write_text("epoch,loss,val_loss\n" + "".join(f"{n},{2 / (n + 1)},{3 / (n + 1)}\n" for n in range(9)))
    assert run(["import", str(log), "--to", str(tmp_path / "imported")]) == 0
    (folder,) = (tmp_path / "imported").iterdir()
    capsys.readouterr()

    document = audited(capsys, str(folder), "--strict", "--json-file", str(tmp_path / "told.json"), code=4)

    assert json.loads((tmp_path / "told.json").read_text()) == document
    assert "pass" not in verdicts(document).values(), "a log alone makes no question green"
    assert run(["audit", str(folder)]) == 4
    page = capsys.readouterr().out
    assert page.partition("to turn it green")[2].count("·") == 1
    assert "guard run" in page.partition("to turn it green")[2]
