"""A report is one whole page that loads nothing and runs nothing, whatever the runs are called."""

from __future__ import annotations

import math
import re
import warnings
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audited_facts import curve, sound_around, sound_facts
from guardrun.judging.audit import audit
from guardrun.judging.checklist_model import Around
from guardrun.judging.compare import Wishes, compare_runs
from guardrun.judging.facts import Baseline, Deciding, Mark, RunFacts
from guardrun.judging.report import Report, report_html
from guardrun.judging.report_charts import Repeats, charts_of
from guardrun.judging.report_drawing import Chart, Line, draw, smoothed, thinned
from guardrun.judging.report_drawing import Mark as Marked
from guardrun.judging.report_html import prose
from guardrun.signals.model import Signal
from guardrun.state.model import Status

ALLOWED = frozenset((
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "div",
    "span", "p", "h1", "h2", "h3", "strong", "br", "code", "ul", "li", "table", "thead", "tbody", "tr",
    "th", "td", "figure", "figcaption", "svg", "g", "path", "defs", "use", "text", "tspan", "clippath",
    "rect", "image", "details", "summary",
))  # fmt: skip
ATTRIBUTES = frozenset((
    "lang", "charset", "name", "content", "http-equiv", "class", "scope", "id", "d", "style", "x", "y",
    "width", "height", "transform", "viewbox", "version", "xmlns", "xmlns:xlink", "xlink:href",
    "clip-path", "role", "aria-label", "type",
))  # fmt: skip


class Page(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def harmless(page: Page) -> None:
    """No tag, attribute or address that the report itself does not write."""
    assert {tag for tag, _ in page.tags} <= ALLOWED
    assert {name for _, attributes in page.tags for name in attributes} <= ATTRIBUTES
    for tag, attributes in page.tags:
        link = attributes.get("xlink:href") or "#"
        assert link.startswith("#"), (tag, link)
    assert page.comments == []


def report(*runs: RunFacts, around: Around | None = None, **more: Any) -> str:
    audits = tuple(audit(run, around or sound_around()) for run in runs)
    comparison = None
    if all(run.best is not None for run in runs):
        comparison = compare_runs(list(runs), Wishes())
    return report_html(Report(audits=audits, comparison=comparison, made=0.0, **more))


def signal(**changes: Any) -> Signal:
    values = {"id": "overfit", "severity": "act", "action": "stop", "first_step": 50, "raised_at": 60,
              "message": "validation worsens", "evidence": {"best": 0.3}, "advice": "stop here"}  # fmt: skip
    return Signal(**{**values, **changes})


def test_three_seeds_give_numbers_bands_signals_audit_and_provenance() -> None:
    runs = [sound_facts(seed) for seed in (1, 2, 3)]
    runs[0] = sound_facts(1, signals=(signal(),))

    html = report(*runs)
    page = Page(html)
    words = " ".join(page.words)

    harmless(page)
    for expected in ("best val/loss", "3 seeds, mean ± std", "val/loss; majority class: 1.2",
                     "val/loss, mean ± std of 3",
                     "signal overfit", "validation worsens", "why: best 0.3", "do: stop here",
                     "configuration complete", "hash checked now", "params.lr = 0.1", "c" * 12, "1" * 16,
                     "run-3"):  # fmt: skip
        assert expected in words, expected
    assert html.startswith("<!doctype html>")
    assert "width=device-width" in html
    assert "@media print" in html


def several_groups(count: int) -> Report:
    runs = [
        sound_facts(number, name=f"name{number}", config={"seed": 1, "params": {"lr": number / 10}})
        for number in range(1, count + 1)
    ]
    audits = tuple(audit(run, Around()) for run in runs)
    return Report(audits=audits, comparison=compare_runs(runs, Wishes()), made=0.0)


def test_groups_that_are_not_drawn_are_named_with_the_way_to_draw_them() -> None:
    page = report_html(several_groups(9))

    words = " ".join(Page(page).words)
    assert "Drawn are 6 of 9 groups" in words
    assert "guard report RUN RUN -o FILE.html" in words
    said = re.search(r"Not drawn: (.*?)\. All are", words)
    assert said is not None
    assert said[1].count("lr=") == 3
    assert page.count("<details>") == 3, "their provenance unfolds"


def test_up_to_six_groups_are_drawn_without_a_word() -> None:
    assert "Not drawn" not in report_html(several_groups(6))


def test_many_groups_without_a_repeat_are_a_list_and_the_rest_is_counted() -> None:
    words = " ".join(Page(report_html(several_groups(70))).words)

    assert "One run a side, which shows nothing" in words
    assert "and 57 more differences" in words
    assert "and 10 more groups" in words


def test_a_command_in_a_sentence_is_set_as_code_and_what_it_names_stays_text() -> None:
    assert prose("repeat with `guard repeat <b>`") == "repeat with <code>guard repeat &lt;b&gt;</code>"


def test_two_configurations_are_compared_in_a_sentence() -> None:
    other = {"config": {"params": {"lr": 0.2}}, "best": Mark(0.6, 200, 200.0, 3)}
    curves = {name: curve(name, np.linspace(2, 0.6, 20) + 0.001 * i) for i, name in enumerate(["val/loss"])}
    runs = [sound_facts(seed) for seed in (1, 2, 3)]
    runs += [sound_facts(seed, run_id=f"other-{seed}", curves=curves, **other) for seed in (1, 2, 3)]

    words = " ".join(Page(report(*runs)).words)

    assert "Comparison" in words
    assert "95 % interval" in words
    assert "A: lr=0.1" in words or "B: lr=0.1" in words


@pytest.mark.parametrize(
    "changes",
    [
        {"curves": {}, "best": None, "last": None, "monitor": None},
        {"status": Status.FAILED, "best": None, "best_checkpoint": None, "last_checkpoint": None},
        {"config": {}, "git": {}, "environment": {}, "data": {}, "command": ()},
        {"curves": {"val/loss": curve("val/loss", [math.nan, math.inf, -math.inf])}, "best": None},
        {"curves": {"val/loss": curve("val/loss", [1e300, -1e300, 5.0])}, "best": None},
    ],
)
def test_a_run_that_is_only_half_there_has_a_report(changes: dict[str, Any]) -> None:
    html = report(sound_facts(**changes), around=Around(), without_comparison="no run has a value")

    harmless(Page(html))
    assert ("no run has a value" in html) == ("best" in changes)


def test_the_page_loads_nothing() -> None:
    html = report(sound_facts())

    without_names = re.sub(r'xmlns(:xlink)?="[^"]+"', "", html)
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|<script|<link|javascript:", without_names)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]><svg onload=x>",
    "$\\frac{1}{0}$",
    "</text></svg><script>x</script>",
    "<!-- --> -->",
    "&lt;b&gt;",
    "_hidden",
    "a\x00b\x1b[31m",
    "\u202egnp.exe",
    "\ud800",
    "</style><style>*{display:none}",
    "</title><h1>",
    "%(x)s {0} \\",
    "",
]
NAMES = st.sampled_from(HOSTILE) | st.text(max_size=30)


@settings(max_examples=25, deadline=None)
@given(NAMES, NAMES, NAMES)
def test_no_name_of_a_run_becomes_a_tag_or_an_attribute(first: str, second: str, third: str) -> None:
    metric = f"val/{first}"
    run = sound_facts(
        name=first, group=second, run_id=third, command=(first, second), host=third, path=second,
        config={"params": {first: second, third: 3}}, config_source=first, currency=second, precision=third,
        git={"commit": first, "dirty": True}, environment={"python": second, "gpus": [third]},
        data={first: {"sha256": second, "findings": [{"id": "label_leak", "severity": "act", "message": third,
                                                     "next": first}]}},
        signals=(signal(id=first, message=second, advice=third, evidence={first: second}, severity=third),),
        baseline=Baseline(metric, 2.0, second), monitor=Deciding(metric, "min"), cost=1.0, reason=third,
        curves={metric: curve(metric, [3, 2, 1]), f"train/{first}": curve("t", [3, 2, 1]),
                "test/" + second: curve("x", [1])},
    )  # fmt: skip

    page = Page(report(run, title=second))

    harmless(page)
    assert sum(tag == "svg" for tag, _ in page.tags) == len(charts_of([Repeats(first, (run,))]))


@settings(max_examples=25, deadline=None)
@given(NAMES, NAMES, st.lists(st.floats(), min_size=1, max_size=8))
def test_labels_inside_a_picture_stay_text_and_any_numbers_can_be_drawn(
    label: str, mark: str, values: list[float]
) -> None:
    y = np.array(values)
    y[np.abs(y) > 1e200] = math.nan
    line = Line(label, np.arange(len(y), dtype=float), y)
    marks = (Marked(1.0, None, mark, "act"), Marked(0.0, 1.0, mark, "best"))
    chart = Chart(label, (line,), marks, x_label=mark, log=True)

    svg = draw(chart, 1)

    root = ElementTree.fromstring(svg)
    assert {node.tag.rpartition("}")[2].lower() for node in root.iter()} <= ALLOWED
    harmless(Page(svg))


def test_a_value_near_the_largest_number_leaves_the_others_their_picture() -> None:
    steps = np.arange(3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = draw(Chart("val/loss", (Line("a", steps, np.array([1e300, 2.0, 0.5])),), log=True), 0)

    assert {"1e+13", "1e+91"} <= set(re.findall(r"<text[^>]*>([^<]*)", picture)), "the axis spans them all"


def test_pictures_of_one_page_share_no_id() -> None:
    chart = Chart("a", (Line("a", np.arange(3.0), np.arange(3.0)),))

    ids = [set(re.findall(r'id="([^"]+)"', draw(chart, number))) for number in (1, 2)]

    assert ids[0]
    assert not ids[0] & ids[1]


def repeats_of(*values: list[float]) -> Repeats:
    """A group in which the seeds 1, 2 … logged these values at the steps 10, 20 …"""
    runs = tuple(
        sound_facts(seed, curves={"val/loss": curve("val/loss", own)}) for seed, own in enumerate(values, 1)
    )
    return Repeats("wide", runs)


def test_a_band_is_mean_and_deviation_of_the_runs_at_each_step() -> None:
    chart = charts_of([repeats_of([1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [5.0, 6.0])])[0]

    (band,) = (line for line in chart.lines if line.spread is not None)
    assert band.x.tolist() == [10.0, 20.0, 30.0]
    assert band.y.tolist() == [3.0, 4.0, 4.0]
    assert band.spread == pytest.approx([2.0, 2.0, math.sqrt(2)])


def test_a_seed_that_a_mean_has_to_leave_out_is_named() -> None:
    group = repeats_of([1.0, 2.0, 3.0, 4.0], [3.0, math.nan, 5.0, 6.0], [5.0, 6.0, 7.0, 8.0])
    chart = charts_of([group])[0]

    (band,) = (line for line in chart.lines if line.spread is not None)
    assert band.y.tolist() == [3.0, 4.0, 5.0, 6.0], "at step 20 of the two others"
    assert [(mark.x, mark.label) for mark in chart.marks if mark.kind == "act"] == [(20.0, "seed 2 is NaN")]
    assert "seed 2 is NaN" in draw(chart, 1)


def test_a_single_run_beyond_the_others_is_no_mean() -> None:
    chart = charts_of([repeats_of([1.0, 2.0, 3.0], [3.0, 4.0])])[0]

    (band,) = (line for line in chart.lines if line.spread is not None)
    assert band.y[:2].tolist() == [2.0, 3.0]
    assert np.isnan(band.y[2:]).all()


def test_a_long_curve_is_thinned_without_losing_its_extremes() -> None:
    y = np.random.default_rng(0).normal(size=50_003)
    y[777], y[40_001] = 99.0, -99.0

    x, kept, _ = thinned(np.arange(len(y), dtype=float), y)

    assert len(x) < 2000
    assert (kept.max(), kept.min()) == (99.0, -99.0)
    assert np.all(np.diff(x) > 0)


def test_smoothing_keeps_a_constant_at_its_value_up_to_both_ends() -> None:
    assert smoothed(np.full(300, 2.5), 300) == pytest.approx(np.full(300, 2.5))


def test_without_a_shared_metric_every_run_is_drawn_by_itself() -> None:
    charts = charts_of([Repeats("one", (sound_facts(1),)), Repeats("two", (sound_facts(2),))])

    assert [line.label for line in charts[0].lines] == ["one", "two"]
