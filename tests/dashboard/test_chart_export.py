"""A chart as a file: what is in it, where it is, and what is said when there can be none."""

from __future__ import annotations

import csv
import io
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard_pilot import BEST, curves, dashboard, example_fleet, shows, until
from guardtui.chart.model import ChartModel, Curve, Mark
from guardtui.exporting import ExportError, csv_of, exported, picture_of
from guardtui.saving import export, name_of, save
from guardtui.screens.export import ExportScreen
from guardtui.settings import SettingsStore
from guardtui.text import text_of
from guardtui.viewmodel.chart_choice import choose_charts
from guardtui.viewmodel.chart_models import ChartOptions, chart_model
from guardtui.viewmodel.timeline import Timeline
from guardtui.widgets.lines import Lines
from run_factory import run_state

RUN = Path("/runs/a")


def loss(**options):
    """The loss chart of the example run."""
    state, series = run_state(best=BEST), curves()
    choice = choose_charts(series, None)[0]
    return chart_model(choice, series, state, Timeline.of(series, state), ChartOptions(**options))


def rows_of(data):
    return list(csv.reader(io.StringIO(data.decode())))


def test_the_numbers_can_be_read_again_with_all_their_digits():
    rows = rows_of(csv_of(loss()))

    assert rows[0] == ["curve", "step", "value"]
    train = [row for row in rows if row[0] == "train"]
    assert [float(row[1]) for row in train] == curves()["train/loss"].step.tolist()
    assert [float(row[2]) for row in train] == curves()["train/loss"].value.tolist()
    assert len(rows) == 1 + 500 + 10


def test_what_is_smoothed_on_the_screen_is_smoothed_in_the_file_beside_the_raw_values():
    rows = rows_of(csv_of(loss(smooth=True, weight=0.8)))

    assert rows[0][3] == "smoothed_0.8"
    assert float(rows[300][3]) != float(rows[300][2])


def test_what_is_not_finite_stays_what_it_is_and_labels_are_no_formulas():
    values = np.array([np.nan, np.inf, -np.inf, 1e-300, 12345678901234567890.0])
    rows = rows_of(csv_of(ChartModel("x", (Curve('=cmd|" /C calc"!A0\x1b[31m', np.arange(5.0), values),))))

    assert [row[2] for row in rows[1:]] == ["NaN", "inf", "-inf", "1e-300", "1.2345678901234567e+19"]
    assert rows[1][0] == '\'=cmd|" /C calc"!A0'


@pytest.mark.parametrize(
    "options", [{}, {"log_y": True}, {"smooth": True}, {"axis": "time"}, {"clip": True}], ids=str
)
def test_a_picture_names_the_chart_its_curves_and_its_marks(options):
    model = loss(**options)
    svg = ET.fromstring(picture_of(model, "svg"))
    texts = "".join(svg.itertext())

    assert svg.tag.endswith("svg")
    assert "loss" in texts
    assert "train" in texts
    assert "best checkpoint" in texts


ODD = {
    "empty": ChartModel("nothing"),
    "no points": ChartModel("x", (Curve("a", np.empty(0), np.empty(0)),)),
    "one point": ChartModel("x", (Curve("a", np.array([3.0]), np.array([7.0])),)),
    "all NaN": ChartModel("x", (Curve("a", np.arange(9.0), np.full(9, np.nan)),), log_y=True),
    "huge": ChartModel("x", (Curve("a", np.arange(4.0), np.array([1e308, -1e308, 0, 1])),)),
    "flat": ChartModel("x", (Curve("a", np.arange(4.0), np.ones(4)),), x_range=(1, 2), clip=True),
    "negative on a log axis": ChartModel("x", (Curve("a", np.arange(4.0), -np.ones(4)),), log_y=True),
    "hostile": ChartModel("$x^2$ <b>_", (Curve("_a&<script>\x1b]0;x\x07", np.arange(4.0), np.ones(4)),)),
    "long": ChartModel(
        "x" * 300, (Curve("学" * 300, np.arange(4.0), np.ones(4)),), (Mark(2.0, "lr", "y" * 300),)
    ),
    "many points": ChartModel("x", (Curve("a", np.arange(3e4), np.sin(np.arange(3e4))),), smoothing=0.9),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_charts_can_be_exported_too(name):
    svg = picture_of(ODD[name], "svg")

    ET.fromstring(svg)
    assert b"<script" not in svg
    assert len(svg) < 1_000_000
    assert picture_of(ODD[name], "png").startswith(b"\x89PNG")


def test_a_spike_among_many_points_is_in_the_picture():
    y = np.zeros(200_000)
    y[154_321] = 50.0
    flat = picture_of(ChartModel("x", (Curve("a", np.arange(2e5), 0 * y),)), "svg")
    spiked = picture_of(ChartModel("x", (Curve("a", np.arange(2e5), y),)), "svg")

    assert b">50<" in spiked
    assert b">50<" not in flat


def test_without_matplotlib_the_numbers_can_be_saved_and_pictures_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert exported(loss(), "csv")
    with pytest.raises(ExportError, match=r"pip install 'guardrun\[report\]'; CSV works without it"):
        exported(loss(), "png")


def test_a_file_is_never_overwritten(tmp_path):
    paths = [save(b"x", str(tmp_path), "digits", "val/loss", "csv")[0] for _ in range(3)]

    assert [Path(path).name for path in paths] == [
        "digits-val-loss.csv", "digits-val-loss-2.csv", "digits-val-loss-3.csv",
    ]  # fmt: skip
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("of", "title", "name"),
    [("../../etc", "passwd", "etc-passwd"), ("a b", "x", "a-b-x"), ("", "", "chart"), (".", "/", "chart")],
)
def test_names_of_files_stay_in_the_folder(of, title, name):
    assert name_of(of, title) == name


def test_a_name_of_two_hundred_wide_letters_is_short_enough_for_a_file_system(tmp_path):
    path, problem = save(b"x", str(tmp_path), "学" * 200, "loss", "svg")

    assert not problem
    assert Path(path).read_bytes() == b"x"


def test_a_folder_that_cannot_be_written_to_is_said_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")

    assert (
        "does not exist: make it, or choose another" in save(b"x", str(tmp_path / "no"), "a", "b", "csv")[1]
    )
    assert "is not a folder" in save(b"x", str(tmp_path / "file"), "a", "b", "csv")[1]
    assert "cannot write into /proc: " in save(b"x", "/proc", "a", "b", "csv")[1]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("guardrun.events.atomic.os.write", full)
    path, problem = export(loss(), "digits", "csv", str(tmp_path))

    assert not path
    assert problem == f"cannot write into {tmp_path}: No space left on device; choose another folder with f"
    assert list(tmp_path.iterdir()) == []


def told(app):
    """What the dialog says, without its line breaks."""
    return "".join(text_of(each) for each in app.screen.query_one("#text", Lines).lines)


async def test_the_dialog_saves_all_formats_says_the_paths_and_closes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "digits", "1 charts", "loss")
        await pilot.press("tab", "tab", "e")
        await shows(pilot, "accuracy of digits", "1 SVG", "2 PNG", "3 CSV")
        for key, ending in (("1", "svg"), ("p", "png"), ("3", "csv")):
            await pilot.press(key)
            await until(pilot, lambda e=ending: (tmp_path / f"digits-accuracy.{e}").exists())
            await until(pilot, lambda e=ending: f"digits-accuracy.{e}" in told(app))
        assert f"saved {tmp_path}" in told(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, ExportScreen)


async def test_another_folder_is_typed_kept_and_its_faults_are_said(tmp_path):
    settings = SettingsStore(None)
    app = dashboard(example_fleet(), focus=RUN, settings=settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits", "1 charts", "loss")
        await pilot.press("e", "f", *"/nowhere", "enter", "3")
        await shows(pilot, "into /nowhere", "does not exist")
        await pilot.press("f", "escape")
        assert isinstance(app.screen, ExportScreen)
        settings.change(export_folder=str(tmp_path))
        await pilot.press("c")
        await until(pilot, lambda: list(tmp_path.glob("digits-loss.csv")))

    assert settings.current.export_folder == str(tmp_path)


def test_the_file_holds_every_point_though_the_picture_is_zoomed():
    whole, part = loss(), replace(loss(), x_range=(100.0, 200.0))

    assert csv_of(whole) == csv_of(part)
    assert picture_of(whole, "png") != picture_of(part, "png")
