"""Several runs together: who is drawn in what colour, what the legend says, how the runs differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from guardtui.chart.ink import ASCII as ASCII_INK
from guardtui.chart.ink import BRAILLE
from guardtui.chart.model import Curve
from guardtui.glyphs import ASCII, UNICODE
from guardtui.snapshot import Curves, RunView
from guardtui.text import text_of, width_of
from guardtui.viewmodel.chart_groups import group_curve, thinned
from guardtui.viewmodel.chart_models import ChartOptions
from guardtui.viewmodel.chart_status import charts_status
from guardtui.viewmodel.chart_view import NO_PAGE, ChartView
from guardtui.viewmodel.comparison import Comparison, run_names
from guardtui.viewmodel.config_apart import keys_apart, settings_of
from guardtui.viewmodel.difference_table import difference_table
from guardtui.viewmodel.names_apart import in_the_middle, names_apart
from guardtui.viewmodel.together import Roster
from guardtui.viewmodel.together_entries import Entry, entries, mode_of
from guardtui.viewmodel.together_legend import legend_lines, title_line
from guardtui.viewmodel.together_source import Drawn, TogetherSource
from guardtui.viewmodel.unfairness import facts_apart, settings_apart, unfair
from guardtui.viewmodel.x_window import Span, Window
from together_runs import HOSTILE_NAMES, losses, seeded


def views_of(*states):
    return tuple(RunView(Path(f"/runs/{state.run_id}"), state) for state in states)


def six(**changes):
    return views_of(*(seeded(lr, seed, **changes) for lr in (0.3, 1.0) for seed in (1, 2, 3)))


def roster_of(views):
    return Roster([view.path for view in views])


def source_of(views, roster=None, **options):
    roster = roster or roster_of(views)
    curves = {}
    for view in views:
        params = view.state.config["params"]
        curves[view.path] = Curves(view.path, losses(params["lr"], view.state.config["seed"], **options), 1)
    rows = roster.rows(views)
    return TogetherSource(rows, curves, band=roster.band(views), names=run_names(views), drawn=Drawn())


# -- names


@pytest.mark.parametrize("width", range(1, 40))
def test_shortened_names_fit_whatever_they_hold(width):
    for names in (HOSTILE_NAMES, ["same"] * 3, ["学習" * 20 + "1", "学習" * 20 + "2"], [""]):
        assert all(cell_len(name) <= width for name in names_apart(names, width))


def test_names_that_differ_at_their_end_stay_apart_where_only_their_end_fits():
    names = [f"resnet18-cifar10-augmented-long-lr{lr}" for lr in (0.1, 0.3, 0.01)]

    assert names_apart(names, 10) == ["…lr0.1", "…lr0.3", "…lr0.01"]
    assert len(set(names_apart(["n" * 200, "n" * 199 + "m"], 12))) == 2


def test_what_is_left_out_of_a_name_is_its_middle():
    assert in_the_middle("a" * 20 + "z" * 20, 9) == "aaaa…zzzz"


def test_runs_of_one_name_are_told_apart_by_their_folder():
    views = views_of(
        seeded(0.3, 1, name="digits", run_id="x_aaaa"), seeded(0.3, 2, name="digits", run_id="x_bbbb")
    )

    assert set(run_names(views).values()) == {"digits aaaa", "digits bbbb"}


# -- rows and colours


def test_seeds_of_one_configuration_are_a_group_by_themselves():
    views = six()
    rows = roster_of(views).rows(views)

    assert [row.kind for row in rows] == ["group", "member", "member", "member"] * 2
    assert [row.letter for row in rows if row.kind == "group"] == ["A", "B"]
    assert {row.color for row in rows} == {"run1", "run2"}


def test_runs_of_which_nothing_tells_how_they_were_made_are_no_repeats():
    views = six(config={}, command=())

    assert {row.kind for row in roster_of(views).rows(views)} == {"run"}


def test_the_same_seed_twice_is_no_band_by_itself_but_by_key():
    views = views_of(seeded(0.3, 1), seeded(0.3, 1, run_id="again"))
    roster = roster_of(views)

    assert roster.band(views) == "lines"
    assert roster.next_band(views)
    assert roster.band(views) == "band"


def test_the_band_key_goes_from_means_to_means_with_runs_to_lines_and_back():
    views = six()
    roster = roster_of(views)
    seen = []
    for _ in range(4):
        seen.append(roster.band(views))
        roster.next_band(views)

    assert seen == ["band", "both", "lines", "band"]
    assert not roster_of(views[:1]).next_band(views[:1])


def test_a_run_keeps_its_colour_while_others_are_switched_off_vanish_and_come_back():
    views = six()
    roster = roster_of(views)
    roster.wished = "lines"
    before = {row.key: row.color for row in roster.rows(views)}
    roster.switch([views[0].path])
    assert {row.key: row.color for row in roster.rows(views)} == before
    without = tuple(view for view in views if view is not views[1])
    assert {row.key: row.color for row in roster.rows(without)}.items() <= before.items()
    roster.switch([views[0].path])
    assert {row.key: row.color for row in roster.rows(views)} == before


def test_of_fifty_runs_ten_have_colours_and_one_that_is_switched_off_gives_its_own_to_another():
    views = views_of(*(seeded(0.001 * n, 1, run_id=f"r{n}") for n in range(50)))
    roster = roster_of(views)
    colors = [row.color for row in roster.rows(views)]
    assert colors[:10] == [f"run{n}" for n in range(1, 11)]
    assert set(colors[10:]) == {""}
    roster.switch([views[3].path])
    rows = roster.rows(views)
    assert (rows[3].color, rows[10].color) == ("", "run4")
    roster.solo([views[40].path])
    assert [row.color != "" for row in roster.rows(views) if row.on] == [True]
    roster.solo([views[40].path])
    assert not roster.off


# -- the charts


def test_every_metric_is_a_chart_of_its_own_the_monitored_one_first():
    titles = [choice.title for choice in source_of(six()).choices()]

    assert titles[:2] == ["val/loss", "train/loss"]
    assert set(titles) == {"val/loss", "train/loss", "val/accuracy", "lr"}


def test_two_configurations_by_three_seeds_are_two_means_with_bands():
    views = six()
    source = source_of(views)
    model = source.model(source.choices()[0], ChartOptions())

    assert [curve.label for curve in model.curves] == ["A n=3", "B n=3"]
    expected = [losses(0.3, seed)["val/loss"].value for seed in (1, 2, 3)]
    assert np.allclose(model.curves[0].y, np.mean(expected, axis=0))
    assert np.allclose(
        model.curves[0].spread.high, np.mean(expected, axis=0) + np.std(expected, axis=0, ddof=1)
    )


def test_with_the_runs_behind_it_a_mean_has_its_runs_in_its_colour_and_dim():
    views = six()
    roster = roster_of(views)
    roster.wished = "both"
    source = source_of(views, roster)
    model = source.model(source.choices()[0], ChartOptions())

    assert [curve.style for curve in model.curves] == ["faint"] * 6 + ["line"] * 2
    assert [curve.color for curve in model.curves] == ["run1"] * 3 + ["run2"] * 3 + ["run1", "run2"]


def test_a_run_that_is_switched_off_is_no_part_of_the_mean():
    views = six()
    roster = roster_of(views)
    roster.switch([views[2].path])
    source = source_of(views, roster)

    assert source.model(source.choices()[0], ChartOptions()).curves[0].label == "A n=2"


def test_a_run_that_becomes_nan_is_named_and_leaves_the_mean_from_there_on():
    views = six()
    source = source_of(views, broken_from=200)
    choice = next(choice for choice in source.choices() if choice.title == "train/loss")
    model = source.model(choice, ChartOptions())

    assert {(mark.kind, mark.x) for mark in model.marks} == {("nonfinite", 201.0)}
    assert {mark.text for mark in model.marks} == {
        f"digits-lr{lr:g}-seed{seed} not finite" for lr in (0.3, 1.0) for seed in (1, 2, 3)
    }


def test_runs_of_different_length_lie_together_at_their_ends():
    """Each 400 steps and 300; places are converted by the run that is asked, and told as what is left."""
    views = views_of(seeded(0.3, 1), seeded(1.0, 2))
    lengths = dict(zip(views, (400, 300), strict=True))
    curves = {view.path: Curves(view.path, losses(0.3, 1, steps), 1) for view, steps in lengths.items()}
    rows = roster_of(views).rows(views)
    source = TogetherSource(
        rows, curves, band="lines", names=run_names(views), drawn=Drawn(), reference=views[1].path
    )
    choice = next(each for each in source.choices() if each.title == "train/loss")
    model = source.model(choice, ChartOptions(axis="to end"))

    assert source.axes[-1] == "to end"
    assert model.x_label == "to end"
    assert [(curve.x[0], curve.x[-1]) for curve in model.curves] == [(-399, 0), (-299, 0)]
    assert source.convert(-100.0, "to end", "step") == 200
    assert source.convert(200.0, "step", "to end") == -100
    assert source.words_at(-100.0, "to end") == ("100 steps to the end",)


def test_the_mean_of_repeats_is_taken_as_many_steps_before_their_ends():
    views = six()
    model = source_of(views).model(source_of(views).choices()[0], ChartOptions(axis="to end"))

    assert {float(curve.x[-1]) for curve in model.curves} == {0.0}
    assert all(curve.spread.count.max() == 3 for curve in model.curves)


def test_the_status_names_the_part_in_view_by_the_steps_that_are_left():
    view = ChartView(ChartOptions(axis="to end"), Window(-200.0, 10.0))
    told = charts_status(
        view, NO_PAGE, whole=Span(-399.0, 0.0), reading=None, clipped=0, live=False, width=90, g=UNICODE
    )

    assert "steps to the end 200–0 of 399" in text_of(told)
    assert "x to end" in text_of(told)


def test_time_is_since_each_runs_own_start_and_an_axis_that_no_run_has_is_not_drawn():
    source = source_of(six())
    assert source.axes == ("step", "epoch", "time", "to end")
    model = source.model(source.choices()[0], ChartOptions(axis="time"))
    assert (model.x_label, model.curves[0].x[0]) == ("time", pytest.approx(0.95))
    assert source.model(source.choices()[0], ChartOptions(axis="tokens")).x_label == "step"


def test_nothing_is_made_anew_while_nothing_changed():
    views, drawn = six(), Drawn()
    roster = roster_of(views)
    curves = {view.path: Curves(view.path, losses(0.3, 1), 1) for view in views}

    def source():
        return TogetherSource(roster.rows(views), curves, band="band", names=run_names(views), drawn=drawn)

    one, other = source(), source()
    assert one.version == other.version
    models = [each.model(each.choices()[0], ChartOptions()) for each in (one, other)]
    assert models[0].curves[0] is models[1].curves[0]
    curves[views[0].path] = Curves(views[0].path, losses(0.3, 1), 2)
    again = source()
    assert again.version != one.version
    now = again.model(again.choices()[0], ChartOptions())
    assert now.curves[0] is not models[0].curves[0]
    assert now.curves[1] is models[0].curves[1]


def test_the_mean_of_long_curves_is_that_of_all_their_points_and_a_nan_stays_one():
    x = np.arange(20_000.0)
    rng = np.random.default_rng(1)
    curves = [Curve(f"r{n}", x, np.sin(x / 3000) + 0.1 * rng.standard_normal(x.size)) for n in range(3)]
    curves[0].y[15_000:] = np.nan
    short = thinned(curves)
    mean, marks = group_curve("A", short, "run1")

    assert max(curve.x.size for curve in short) <= 2000
    assert np.abs(mean.y - np.sin(mean.x / 3000)).max() < 0.1
    assert set(mean.spread.count[mean.x < 14_990]) == {3}
    assert set(mean.spread.count[mean.x > 15_010]) == {2}
    assert [mark.text for mark in marks] == ["r0 not finite"]
    assert marks[0].x == pytest.approx(15_000, abs=10)


def test_in_an_exported_file_curves_have_the_names_of_their_runs():
    views = six()
    roster = roster_of(views)
    roster.wished = "lines"
    source = source_of(views, roster)
    labels = [curve.label for curve in source.named_model(source.choices()[0], ChartOptions()).curves]

    assert labels[0] == "A digits-lr0.3-seed1"
    assert len(set(labels)) == 6


# -- the legend


def legend_of(views, width, room, *, roster=None, at=None, ink=BRAILLE, g=UNICODE, chosen=0):
    roster = roster or roster_of(views)
    comparison = Comparison()
    comparison.of(views)
    source = source_of(views, roster)
    subject = source.choices()[0]
    rows = roster.rows(views)
    shown = entries(
        rows, comparison.differs, comparison.names, lambda row: source.plotted(row, subject, "step").curve,
        mode_of(subject.title, source.monitor), at,
    )  # fmt: skip
    return legend_lines(shown, chosen, width, room, ink, g, metric=subject.title, at=at is not None)


def test_the_legend_says_of_a_group_what_its_runs_share_and_of_each_run_what_it_has_alone():
    text = [text_of(each) for each in legend_of(six(), 100, 12).lines]

    assert "digits-lr0.3 " in text[1]
    assert "lr=0.3" in text[1]
    assert "seed" not in text[1]
    assert "±" in text[1]
    assert "seed=2" in text[3]
    assert "lr=0.3" not in text[3].replace("digits-lr0.3", "")


@pytest.mark.parametrize("width", [20, 40, 58, 78, 120, 200])
@pytest.mark.parametrize("room", [1, 2, 4, 9, 40])
@pytest.mark.parametrize("at", [None, 100.0])
def test_the_legend_fits_and_keeps_the_chosen_row_in_view(width, room, at):
    for chosen in (0, 7):
        legend = legend_of(six(), width, room, at=at, chosen=chosen)

        assert all(width_of(each) <= width for each in legend.lines)
        if room > 1:
            assert len(legend.lines) <= room
            assert legend.lines[legend.selected][0].text == "▌ "


def test_where_one_line_is_too_narrow_a_run_has_two_if_there_is_height():
    legend = legend_of(six(), 50, 36, at=380.0)

    assert len(legend.lines) == 17
    assert "digits-lr0.3-seed2" in text_of(legend.lines[5])
    assert legend.entries[5] is legend.entries[6]


def test_in_ascii_the_legend_shows_the_sign_that_draws_the_curve():
    views = six()
    roster = roster_of(views)
    roster.wished = "lines"
    text = [text_of(each) for each in legend_of(views, 78, 12, roster=roster, ink=ASCII_INK, g=ASCII).lines]

    assert [each[4:6] for each in text[1:7]] == ["**", "++", "oo", "xx", "%%", "@@"]
    assert all(each.isascii() for each in text)


def test_what_is_switched_off_has_a_hollow_shape():
    views = six()
    roster = roster_of(views)
    roster.switch([views[0].path])

    assert text_of(legend_of(views, 78, 12, roster=roster).lines[2])[4:5] == UNICODE.cleared


def test_the_title_says_what_is_gone_dim_and_not_alike():
    views = views_of(*(seeded(0.001 * n, 1, run_id=f"r{n}") for n in range(12)))
    rows = roster_of(views).rows(views)
    text = text_of(title_line(rows, 2, ["commit", "train data"], 120, UNICODE))

    assert text == "12 runs together · 2 gone · 2 dim: ten have colours · △ not alike: commit, train data  g"
    for width in range(20, 120):
        assert width_of(title_line(rows, 2, ["a" * 30, "b", "c"], width, UNICODE)) <= width


# -- differences


def test_seeds_of_one_configuration_differ_in_nothing_unfair():
    views = six()[:3]

    assert unfair(views) == []
    assert [each.what for each in settings_apart(views)] == ["seed"]
    assert [each.what for each in facts_apart(views)] == ["seed used"]


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("train data", {"data": ({"name": "train", "sha256": "ffff567890"},)}),
        ("commit", {"git": {"commit": "c" * 40}}),
        ("commit", {"git": {"commit": "a" * 40, "dirty": True}}),
        ("precision", {"env": {"python": "3.11.7", "precision": "bfloat16"}}),
        ("software", {"env": {"python": "3.12.1", "precision": "float32"}}),
        ("processes", {"ranks": 4}),
        ("planned steps", {"total_steps": 900}),
        ("batch_size", {"config": {"seed": 1, "params": {"lr": 0.3, "batch_size": 64, "width": 96}}}),
    ],
)
def test_what_makes_a_comparison_unfair_is_marked(what, changes):
    views = views_of(seeded(0.3, 1), seeded(0.3, 1, run_id="other", **changes))

    assert what in unfair(views)


def test_what_one_run_did_not_record_is_no_difference_but_is_said_beside_one():
    views = views_of(seeded(0.3, 1), seeded(0.3, 2, git={}))
    assert unfair(views) == []
    three = (*views, *views_of(seeded(0.3, 3, git={"commit": "d" * 40})))
    found = next(each for each in facts_apart(three) if each.what == "commit")
    assert found.values == ("aaaaaaaaaa", None, "dddddddddd")


def test_keys_that_only_some_runs_have_differ_too():
    settings = [settings_of({"params": {"lr": 1}, "name": "a"}), settings_of({"params": {}, "name": "b"})]

    assert "params.lr" in keys_apart(settings)
    assert "name" not in keys_apart(settings)


def table_of(views, first, width):
    names = [run_names(views)[view.path] for view in views]
    return difference_table(names, facts_apart(views), settings_apart(views), first, width, UNICODE)


def test_the_columns_of_many_runs_are_paged_and_the_last_page_is_full():
    views = views_of(*(seeded(0.001 * n, n, run_id=f"r{n}", git={"commit": f"{n:040}"}) for n in range(50)))
    first, seen = 0, []
    while True:
        table = table_of(views, first, 74)
        seen += range(table.first, table.first + table.shown)
        assert all(width_of(each) <= 74 for each in (*table.head, *table.lines))
        if table.first + table.shown == table.runs:
            break
        first = table.first + table.shown
    assert set(seen) == set(range(50))
    assert table.shown > 1


def test_runs_that_are_alike_are_said_to_be():
    same = seeded(0.3, 1)
    table = table_of(views_of(same, replace(same, run_id="b", name="b")), 0, 74)

    assert "same settings" in text_of(table.lines[0])


def test_an_entry_without_points_has_no_values():
    views = six()[:1]
    row = roster_of(views).rows(views)[0]

    assert entries([row], {}, run_names(views), lambda row: None, "min", 5.0) == [
        Entry(row, "digits-lr0.3-seed1", "", None, None, None)
    ]
