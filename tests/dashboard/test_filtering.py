"""The language of the filter: what it lists, what it does not understand, and that it never fails."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_pilot import NAN, OVERFIT
from guardrun.state.model import Monitor, Status
from guardtui.glyphs import UNICODE
from guardtui.snapshot import Gpu, Numbers, RunView
from guardtui.text import text_of, width_of
from guardtui.viewmodel import columns, filter_facts
from guardtui.viewmodel.filter_facts import Facts
from guardtui.viewmodel.filtering import HELP, Filter, parse, standing
from guardtui.viewmodel.fleet_title import verdict_line
from guardtui.viewmodel.help import help_lines
from guardtui.viewmodel.listing import Lister
from run_factory import run_state


def view(name, *, numbers=None, gpu=None, age=12.0, **changes):
    state = run_state(name=name, run_id=name, host="box", **changes)
    return RunView(Path(name), state, (), age, gpu=gpu, numbers=numbers or {})


RUNS = (
    view(
        "digits-a", group="sweep", monitor=Monitor("val/loss", "min", 0.5, 0.3, 1), signals=(OVERFIT,),
        config={"params": {"lr": 0.001, "model": "cnn", "layers": [64, 64], "amp": True}, "seed": 1},
        numbers={"val/acc": Numbers(0.8, 0.1, 0.92, "max"), "val/loss": Numbers(0.5, 0.3, 2.0, "min")},
    ),
    view(
        "digits-b", status=Status.FAILED, monitor=Monitor("val/loss", "min", float("nan"), 0.6, 1),
        signals=(NAN,), config={"params": {"lr": "1e-4", "model": "resnet [big]"}}, age=7200.0,
        numbers={"test/acc": Numbers(0.7, 0.7, 0.7, "max")},
    ),
    view("my run", status=Status.FINISHED, step=1000, gpu=Gpu(2, 60e9, 160e9, 87.0)),
)  # fmt: skip


def listed(text):
    found = parse(text)
    assert found.problem is None, found.problem
    return [each.state.name for each in Lister().matching(RUNS, found)]


A, B, C = "digits-a", "digits-b", "my run"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", [A, B, C]),
        ("DIGITS sweep", [A]),
        ("name:digits*", [A, B]),
        ("name:digits", [A, B]),
        ("name=digits", []),
        ("name:*a", [A]),
        ("status:running", [A]),
        ("status:over", [B, C]),
        ("status:failed|finished", [B, C]),
        ("-status:failed|finished", [A]),
        ("!status:failed -group:sweep", [C]),
        ("group:sweep | host:nowhere", [A]),
        ("signal:nan", [B]),
        ("signal:act|warn", [A, B]),
        ("sweep|status:finished digits", [A]),
        ('name:"my run"', [C]),
        ("'my run'", [C]),
        ("params.lr>=1e-3", [A]),
        ("lr<=1e-4", [B]),
        ("params.lr=0.0001", [B]),
        ("params.lr!=0.001", [B, C]),
        ("params.model=cnn", [A]),
        ("params.model=CN*", [A]),
        ('params.model="resnet [big]"', [B]),
        ("params.layers=[64,64]", [A]),
        ("params.amp=true", [A]),
        ("val/loss<0.6", [A]),
        ("val/loss=nan", [B]),
        ("best:val/acc>0.9", [A]),
        ("best:val/loss<0.7", [A, B]),
        ("min:val/acc<0.2", [A]),
        ("max:val/loss>=2", [A]),
        ("last:val/*>0.7", [A]),
        ("has:test/acc", [B]),
        ("has:seed", [A]),
        ("has:signal", [A, B]),
        ("-has:gpu", [A, B]),
        ("age>1h", [B]),
        ("step>=1000", [C]),
        ("progress=50%", [A, B]),
        ("gpu>80% memory>50GB", [C]),
        ("params.lr>0.1|0.00001", [A, B]),
    ],
)
def test_a_filter_lists(text, names):
    assert listed(text) == names


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("digits foo:bar", 7, "no field “foo”"),
        ("step:5", 0, "numbers are compared"),
        ("status:", 7, "running"),
        ("name:", 5, "a value is wanted after “name:”"),
        ("params.lr>", 10, "a value is wanted"),
        (">3", 0, "a name is wanted before “>”"),
        ("!=3", 0, "a name is wanted before “!=”"),
        ("age>soon", 4, "“soon” is no number"),
        ("params.lr>1|x", 12, "“x” is no number"),
        ("status<3", 0, "is a word, not a number"),
        ("best:val/acc", 5, "wants a metric and a comparison"),
        ('name:"my', 5, "is not closed"),
        ("| a", 0, "before “|”"),
        ("a |", 3, "after “|”"),
        ("a||b", 2, "between two “|”"),
        ("-", 0, "for NOT"),
        ('""', 0, "nothing between the quotes"),
        ("x" * 3000, 2000, "at most 2000"),
    ],
)
def test_what_is_not_understood_is_said_with_its_place(text, at, said):
    problem = parse(text).problem

    assert (problem.at, said in problem.words) == (at, True), problem


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=6),
            st.sampled_from(
                [*" |-!:=<>\"'*?", "status:", "best:", "has:", "by:", "lr", "val/loss", "[", "1e9"]
            ),
        ),
        max_size=9,
    ).map("".join)
)
def test_any_text_is_a_filter_or_a_problem_inside_it(text):
    found = parse(text)

    if found.problem is None:
        for each in RUNS:
            assert found.matches(Facts(each)) in (True, False)
    else:
        assert 0 <= found.problem.at <= len(text)
        assert not found.clauses
    assert (
        width_of(
            verdict_line(
                found,
                Filter(),
                3,
                60,
            )
        )
        <= 60
    )


@given(st.text("abc:=<|- \"'", max_size=12).filter(lambda text: '"' not in text and text))
def test_quoted_text_is_a_word(text):
    (clause,) = parse(f'"{text}"').clauses

    assert [(term.kind, term.values, term.negated) for term in clause] == [("word", (text,), False)]


@given(st.sampled_from(["status:running", "lr>0.001", "signal:nan", "digits-a", "val/loss=nan"]))
def test_not_lists_exactly_the_others(text):
    assert sorted(listed(text) + listed(f"-{text}")) == sorted([A, B, C])


def test_the_feed_is_asked_for_the_metrics_of_the_filter_and_no_others():
    assert parse("digits status:live has:Test/acc best:val/acc>0.9 lr=3").metrics == (
        "lr", "test/acc", "val/acc",
    )  # fmt: skip
    assert parse("digits status:live age>3").metrics == ()


def test_a_typed_key_groups_and_lists_all():
    found = parse("by:params.lr digits")

    assert found.by == "params.lr"
    assert [each.state.name for each in Lister().matching(RUNS, found)] == [A, B]


def test_the_line_under_the_field_says_what_is_wrong_and_what_stands():
    said = text_of(verdict_line(parse("digits age>"), parse("digits"), 2, 100))

    assert said == "character 12: a value is wanted after “>”  (still listed: “digits”)"
    assert text_of(verdict_line(parse("digits"), parse("digits"), 2, 100)) == "2 runs"
    assert text_of(verdict_line(parse("x"), parse("x"), 0, 100)) == "no run matches"


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("digits age>", "digits"),
        ("foo:", ""),
        ('digits name:"my ru', "digits"),
        ("digits | ", "digits"),
        ("digits foo:x status:live", "before"),
        ("digits status:live", "digits status:live"),
    ],
)
def test_a_term_that_is_being_typed_is_not_yet_meant(text, stands):
    assert standing(parse(text), parse("before")).text == stands


def test_every_example_of_the_help_is_understood_and_shown():
    page = "\n".join(text_of(each) for each in help_lines(200, UNICODE, readonly=False))

    for example, meaning in HELP:
        assert parse(example).problem is None, example
        assert f"{example:<18} {meaning}" in page


def test_the_documentation_tells_the_same_language():
    page = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")

    for example, meaning in HELP:
        shown = example.replace("|", "\\|")
        assert f"| `{shown}` | {meaning.replace('|', chr(92) + '|')} |" in page, example


@pytest.mark.parametrize("module", [filter_facts, columns], ids=["facts", "columns"])
def test_examples_in_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0
