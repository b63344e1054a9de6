"""Runs are found below folders, and by the words people use for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrun.errors import UserError
from guardrun.reading.discovery import MAX_DEPTH, find_runs, resolve_run, resolve_runs


def make_run(folder: Path, name: str = "digits") -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"id": folder.name, "name": name}))
    return folder


def test_runs_are_found_at_and_below_the_paths_each_once(tmp_path: Path) -> None:
    one = make_run(tmp_path / "runs/one")
    deep = make_run(tmp_path / "runs/group/deep")
    (tmp_path / "runs/no-run").mkdir()

    assert find_runs([tmp_path / "runs"]) == [deep, one]
    assert find_runs([one, tmp_path / "runs", one]) == [deep, one]


def test_nothing_is_searched_inside_a_run_or_in_hidden_folders(tmp_path: Path) -> None:
    outer = make_run(tmp_path / "outer")
    make_run(outer / "checkpoints/inner")
    make_run(tmp_path / ".cache/hidden")

    assert find_runs([tmp_path]) == [outer]


def test_a_run_without_identity_is_found_by_its_events(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/events.jsonl").write_text("")

    assert find_runs([tmp_path]) == [tmp_path / "bare"]


def test_a_linked_runs_folder_is_followed_and_a_loop_ends(tmp_path: Path) -> None:
    run = make_run(tmp_path / "elsewhere/run")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs/loop").symlink_to(tmp_path / "runs")

    assert [path.resolve() for path in find_runs([tmp_path / "runs"])] == [run]


def test_the_search_does_not_go_down_for_ever(tmp_path: Path) -> None:
    make_run(tmp_path.joinpath(*"abcdefgh") / "run")

    assert find_runs([tmp_path]) == []
    assert MAX_DEPTH >= 2


def test_a_missing_or_unreadable_path_has_no_runs(tmp_path: Path) -> None:
    assert find_runs([tmp_path / "missing", "/proc/1/root/nothing"]) == []


def test_a_known_run_that_was_deleted_is_gone(tmp_path: Path) -> None:
    assert find_runs([tmp_path / "run"], known={tmp_path / "run"}) == []


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    make_run(folder / "2026-01-01_10-00-00_digits_aa11", "digits")
    make_run(folder / "2026-01-02_10-00-00_digits_bb22", "digits")
    make_run(folder / "2026-01-03_10-00-00_mnist_cc33", "mnist")
    return folder


@pytest.mark.parametrize(
    "spec",
    ["2026-01-03_10-00-00_mnist_cc33", "mnist", "2026-01-03", "mn", "mnist_cc33", "cc33"],
    ids=["id", "name", "prefix of the id", "prefix of the name", "as ls prints it", "its four digits"],
)
def test_a_run_is_meant_by(runs: Path, spec: str) -> None:
    assert resolve_run(spec, runs).name == "2026-01-03_10-00-00_mnist_cc33"


def test_a_path_means_itself_and_a_file_of_a_run_means_the_run(runs: Path) -> None:
    run = runs / "2026-01-03_10-00-00_mnist_cc33"

    assert resolve_run(str(run), "nowhere") == run
    assert resolve_run(str(run / "run.json"), "nowhere") == run


def test_a_name_of_several_runs_lists_them_newest_first(runs: Path) -> None:
    with pytest.raises(UserError, match="means 2 runs") as caught:
        resolve_run("digits", runs)

    assert caught.value.exit_code == 2
    assert caught.value.hint.splitlines()[1:] == [
        "  2026-01-02_10-00-00_digits_bb22",
        "  2026-01-01_10-00-00_digits_aa11",
    ]


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("mnits", "no run 'mnits' in", "mnist_cc33"),
        ("bb2", "no run 'bb2' in", "digits_bb22"),
        ("zzzzzz", "no run 'zzzzzz' in", "guard ls"),
        ("some/where", "no such path", "guard ls"),
    ],
)
def test_what_matches_nothing_is_told_with_what_is_close(
    runs: Path, spec: str, message: str, hint: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        resolve_run(spec, runs)

    assert caught.value.exit_code == 2
    assert hint in caught.value.hint


def test_a_folder_of_runs_is_no_run_but_its_runs_are_listed(runs: Path) -> None:
    with pytest.raises(UserError, match="holds 3") as caught:
        resolve_run(str(runs), "runs")

    assert "mnist_cc33" in caught.value.hint


def test_a_folder_without_runs_and_a_file_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="is not a run directory"):
            resolve_run(str(path), "runs")


def test_without_any_runs_the_message_says_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        resolve_run("digits", tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="no runs in"):
        resolve_run("digits", tmp_path / "runs")


def test_a_hostile_name_reaches_no_terminal(tmp_path: Path) -> None:
    make_run(tmp_path / "one", "\x1b[2Jevil")
    make_run(tmp_path / "two", "\x1b[2Jevil")

    with pytest.raises(UserError) as caught:
        resolve_run("\x1b[2Jevil", tmp_path)

    assert "\x1b" not in caught.value.hint


def test_a_name_goes_before_a_folder_of_the_project_that_is_called_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run(Path("runs/one"))
    Path("digits").mkdir()
    Path("digits/train.py").touch()

    assert resolve_run("digits") == run
    assert resolve_runs("digits") == [run]
    with pytest.raises(UserError, match="not a run directory"):
        resolve_run("./digits")

    elsewhere = make_run(Path("digits/runs/old"))
    assert resolve_runs("digits") == [run]
    assert resolve_runs("./digits") == [elsewhere]

    another = make_run(Path("runs/two"))
    assert resolve_runs("digits") == [run, another]
    with pytest.raises(UserError, match="means 2 runs"):
        resolve_run("digits")


def test_a_folder_that_no_run_is_named_after_means_the_runs_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("runs/one"))
    other = make_run(Path("old/a"), "other")

    assert resolve_runs("old") == [other]
    assert resolve_runs("runs") == [Path("runs/one")]
    assert resolve_runs("old/a") == [other]
