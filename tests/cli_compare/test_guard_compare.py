"""``guard compare`` as it is typed: pages, documents, exit codes, mistakes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from compared_runs import finished_run, seeded
from guardrun.cli.main import run
from run_factory import RunWriter

WIDE = {1: 0.50, 2: 0.52, 3: 0.51}
NARROW = {1: 0.60, 2: 0.63, 3: 0.61}
RECORDED = Path(__file__).resolve().parents[2] / "sample_runs/recorded"


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    seeded(folder, WIDE, params={"width": 64}, name="wide", group="widths")
    seeded(folder, NARROW, params={"width": 8}, name="narrow", group="widths")
    return folder


def compare(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    assert run(["compare", *map(str, arguments)]) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_page_at_eighty_columns(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = compare(capsys, runs)

    assert (
        page
        == """\
val/loss (less is better), at the best evaluation of each run

   group     n     mean ± std   95 % interval  time
A  width=64  3  0.510 ± 0.010  0.485 to 0.535  3.0s
B  width=8   3  0.613 ± 0.015  0.575 to 0.651  3.0s

A − B, paired by seed (1, 2, 3)
  −0.103, 95 % interval −0.118 to −0.089, n = 3: A is better
  paired t-test, p = 0.001, effect size g = −10.1
  A is 17 % better at the same time

A is best, and shown to be better than the other

not the same
  ? not recorded by every run: split file, preprocessing, precision
"""
    )
    assert all(len(line) <= 80 for line in page.splitlines())


def test_a_claim_decides_the_exit_code(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = compare(capsys, runs, "--claim", "wide > narrow")
    bad = compare(capsys, runs, "--claim", "narrow > wide", code=4)

    assert "claim 'wide > narrow': supported." in good
    assert "claim 'narrow > wide': not supported." in bad


def test_names_and_groups_mean_all_their_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_group = compare(capsys, "widths", "--runs-dir", runs)

    assert by_group == compare(capsys, "wide", "narrow", "--runs-dir", runs) == compare(capsys, runs)
    assert "one group: nothing to compare it with" in compare(capsys, "wide", "--runs-dir", runs)


def test_the_document(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = compare(capsys, runs, "--json", "--json-file", tmp_path / "out.json", "--claim", "A > B")
    document = json.loads(text)

    assert json.loads((tmp_path / "out.json").read_text()) == document
    assert set(document) == {
        "metric", "mode", "at", "groups", "pairs", "findings", "left_out", "winner", "conclusion", "claim",
    }  # fmt: skip
    a, b = document["groups"]
    assert (a["letter"], a["label"], a["n"], a["settings"]) == ("A", "width=64", 3, {"params.width": 64})
    assert [each["seed"] for each in b["runs"]] == [1, 2, 3]
    assert a["efficiency"]["step_time"] == pytest.approx(0.1)
    (pair,) = document["pairs"]
    assert (pair["paired"], pair["seeds"], pair["verdict"]) == (True, [1, 2, 3], "shown")
    assert pair["cost"]["kind"] == "hours"
    assert document["winner"] == "width=64"
    assert document["claim"]["supported"] is True
    assert document["findings"][0] == {
        "id": "not_recorded", "level": "unknown", "blocks": False,
        "text": "not recorded by every run: split file, preprocessing, precision",
    }  # fmt: skip


def test_the_table_as_csv(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(compare(capsys, runs, "--csv"))))

    assert [(row["group"], row["label"], row["n"], row["seeds"]) for row in rows] == [
        ("A", "width=64", "3", "1 2 3"), ("B", "width=8", "3", "1 2 3"),
    ]  # fmt: skip
    assert float(rows[1]["difference_to_best"]) == pytest.approx(0.1033, abs=1e-4)
    assert (rows[0]["verdict"], rows[1]["verdict"]) == ("", "shown")


def test_the_table_as_markdown(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = compare(capsys, runs, "--markdown")

    assert "| time | cost | MFU |\n|---|---|---|---|---|---|---|---|\n" in text
    assert "| A | width=64 | 3 | 0.510 ± 0.010 | 0.485 to 0.535 | 3.0s | – | – |" in text
    assert "- A − B, paired by seed (1, 2, 3): −0.103" in text


def test_one_run_a_side_is_no_winner_and_the_way_out_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeded(tmp_path, {1: 0.01}, params={"width": 64})
    seeded(tmp_path, {1: 9.0}, params={"width": 8})
    page = compare(capsys, tmp_path)

    assert "not shown (one run a side shows nothing)" in page
    assert "no winner: A, B ran once; repeat with `guard repeat RUN --seeds 1,2,3`" in " ".join(page.split())


def test_recorded_trainings_can_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """Real runs of unlike settings: a table, no winner, and what is not the same."""
    page = compare(capsys, RECORDED)

    assert "no winner" in page
    assert re.search(r"healthy +1 +0\.221", page)
    assert "_crashed_25b5: it failed" in page
    assert "! train data (sha256):" in page


def test_how_configurations_differ(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *_, last = sorted(runs.iterdir())
    assert (
        compare(capsys, first, last, "--config")
        == """\
              narrow  wide
name          narrow  wide
params.width  8       64
seed          1       3
"""
    )
    document = json.loads(compare(capsys, first, last, "--config", "--json"))
    assert [each["key"] for each in document["differences"]] == ["name", "params.width", "seed"]
    assert document["differences"][1]["values"] == [8, 64]
    assert "are the same, defaults included" in compare(capsys, first, first, first, "--config")


def test_show_tells_the_difference_too_and_where_values_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = RECORDED.glob("*_resumed_*")
    (other,) = RECORDED.glob("*_healthy_*")

    assert run(["show", str(path), "--config"]) == 0
    text = capsys.readouterr().out
    assert "# overridden: params.epochs=40" in text
    assert "  epochs: 40  # override\n" in text
    assert "  lr: 0.005  # file\n" in text
    assert "deterministic: false\n" in text
    assert run(["show", str(path), "--config", "--against", str(other)]) == 0
    assert re.search(r"params\.epochs +40 +24", capsys.readouterr().out)
    assert run(["show", str(path), "--against", str(other)]) == 2


def test_values_that_were_defaults_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for patience, origin in ((None, "default"), (5, "file")):
        path = finished_run(tmp_path, config={"stop": {"patience": patience}})
        launch = json.loads((path / "attempts/1.json").read_text())
        launch["config_origins"] = {"stop.patience": origin}
        (path / "attempts/1.json").write_text(json.dumps(launch))
    page = compare(capsys, tmp_path, "--config")

    assert re.search(r"stop\.patience +null\* +5", page)
    assert "* the default" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no run 'nothing'"),
        (["{runs}", "--metric", "val/x"], "no run has a metric 'val/x'"),
        (["{runs}", "--by", "params.x"], "no run has 'params.x'"),
        (["{runs}", "--claim", "wide"], "a claim is two groups with > between them"),
        (["{runs}", "--claim", "wide > tall"], "there is no group 'tall'"),
        (["{runs}", "--against", "Z"], "there is no group 'Z'"),
        (["{runs}", "--json", "--csv"], "exclude each other"),
        ([], "Missing argument"),
    ],
)
def test_mistakes_are_told_with_exit_code_2(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["compare", *(part.format(runs=runs) for part in arguments), "--runs-dir", str(runs)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_names_from_a_run_never_reach_the_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07<b>|x"
    for seed in (1, 2):
        finished_run(tmp_path, seed=seed, name="n", params={"a": evil}, config={"cost": {"currency": evil}})
        finished_run(
            tmp_path, seed=seed, name="n", params={"a": "=cmd()"}, told=[("split", {"sha256": evil})]
        )
    for option in ([], ["--csv"], ["--markdown"], ["--config"]):
        assert "\x1b" not in compare(capsys, tmp_path, *option)
    assert "\\<b\\>\\|x" in compare(capsys, tmp_path, "--markdown")
    assert ",a=" in compare(capsys, tmp_path, "--csv")


def test_half_written_and_bare_runs_are_left_out_not_fatal(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "half").mkdir()
    (runs / "half/events.jsonl").write_bytes(b'{"t":1,"kind":"hea')
    page = compare(capsys, runs)

    assert "half: it" in page
    assert "A is best" in page


def test_utilisation_from_the_configured_flops_is_shown_where_it_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"efficiency": {"flops_per_step": 4e9, "peak_flops": 1e12}}
    folder = tmp_path / "runs"
    seeded(folder, WIDE, params={"width": 64}, name="wide", config=told, per_hour=0.5)
    seeded(folder, NARROW, params={"width": 8}, name="narrow", per_hour=0.5)

    monkeypatch.setenv("COLUMNS", "110")
    page = compare(capsys, folder)

    assert re.search(r"width=64 .* 4\.0%$", page, re.M), page  # 4e9 in 0.1 s of 1e12 a second
    assert re.search(r"width=8 .* –$", page, re.M), page
    document = json.loads(compare(capsys, folder, "--json"))
    assert [group["efficiency"]["mfu"] for group in document["groups"]] == [pytest.approx(0.04), None]
    assert re.search(r"width=64 \| .* \| 4\.0% \|$", compare(capsys, folder, "--markdown"), re.M)
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, compare(capsys, folder).splitlines())) <= 60


def test_hostile_runs_are_compared_within_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NaN, infinite and huge values, one without a monitor, names that are markup, escapes or formulas."""
    folder = tmp_path / "runs"
    names = (
        "<script>alert(1)</script>",
        "\x1b[2J\x1b]0;x\x07",
        "=cmd|' /C calc'!A0",
        "[red]x[/red]",
        "ä" * 300,
    )
    for number, name in enumerate(names):
        values = (1e300, float("nan"), float("-inf"), 0.1 + number)
        finished_run(folder, values, name=name, params={"at": name}, suffix=f"h{number}")
    finished_run(folder, (float("nan"),) * 3, name="all nan", suffix="nan")
    RunWriter(folder, suffix="bare").start()

    page = compare(capsys, folder)

    assert "\x1b" not in page
    assert max(map(len, page.splitlines())) <= 80
    assert "never logged a finite val/loss" in page or "no finite" in page, page
    cells = [cell for row in csv.reader(io.StringIO(compare(capsys, folder, "--csv"))) for cell in row]
    assert not any(cell.startswith(("=", "\x1b")) for cell in cells)
