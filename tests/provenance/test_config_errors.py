"""A mistake in a configuration is named with its place, what was found and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.errors import UserError
from guardrun.provenance.config import load_config

CASES = {
    "empty": ("", (), ["is empty", "entry: train.py"]),
    "only comments": ("# nothing\n", (), ["nothing but comments"]),
    "a list": ("- a\n- b\n", (), ["a list, not a mapping"]),
    "plain text": ("hello", (), ["plain text, not a mapping"]),
    "broken yaml": ("entry: a\nargs: [1\nseed: 3", (), ["line 3", "not valid YAML"]),
    "a tab": ("entry: a\nparams:\n\tlr: 3", (), ["line 3", "tab"]),
    "colon in a value": ("entry: a: b", (), ["line 1", "quotes"]),
    "a key twice": ("entry: a\nseed: 1\nseed: 2", (), ["line 3", "duplicate key seed"]),
    "no command": ("name: x", (), ["entry: train.py", "command"]),
    "both": ("entry: a\ncommand: b", (), ["both"]),
    "args of a command": ("command: a\nargs: [b]", (), ["line 2: args", "belongs to `entry`"]),
    "unknown key": ("entry: a\nsede: 3", (), ["line 2: sede: there is no such key", "did you mean seed?"]),
    "unknown key below": ("entry: a\nstop:\n  patince: 3", (), ["line 3", "did you mean stop.patience?"]),
    "right word, wrong place": ("entry: a\npatience: 3", (), ["did you mean stop.patience?"]),
    "a parameter outside params": ("entry: a\nhidden_size: 3", (), ["belongs below params"]),
    "unknown signal": ("entry: a\npolicy:\n  loss_explode: off", (), ["did you mean policy.loss_explosion?"]),
    "unknown action": ("entry: a\npolicy: {nan: halt}", (), ["'halt'", "off, observe, warn, stop, abort"]),
    "policy on": ("entry: a\npolicy: {nan: on}", (), ["says nothing", "observe"]),
    "text for a number": ("entry: a\ncheckpoint: {keep: two}", (), ["whole number", "'two'"]),
    "negative": ("entry: a\ncheckpoint:\n  keep: -1", (), ["line 3", ">= 0", "-1"]),
    "half a step": ("entry: a\nbudget: {steps: 1.5}", (), ["whole number", "1.5"]),
    "scalar for a section": ("entry: a\nstop: 5", (), ["stop: expected a mapping", "5"]),
    "scalar for params": ("entry: a\nparams: 5", (), ["params: expected a mapping"]),
    "a strange duration": ("entry: a\nbudget: {time: 2 weeks}", (), ["1d2h30m", "'2 weeks'"]),
    "no grace": ("entry: a\nstop: {grace: 0}", (), ["stop.grace", "> 0"]),
    "unclear metric": ("entry: a\nmonitor: {metric: val/quality}", (), ["line 2", "mode: max"]),
    "missing reference": ("entry: a\nname: '${params.lr}'", (), ["line 2: name", "${params.lr}", "nothing"]),
    "near reference": ("entry: a\nargs: ['${params.rl}']\nparams: {lr: 1}", (), ["mean ${params.lr}?"]),
    "reference without value": ("entry: a\nargs: ['--s=${seed}']", (), ["args[0]", "${seed} has no value"]),
    "unknown resolver": ("entry: a\nname: ${nope:1}", (), ["line 2: name", r"\${"]),
    "half a reference": ("entry: a\nname: ${", (), ["${"]),
    "a shell's work": ("command: python a.py | tee log", (), ["'|' needs a shell", "sh, -c"]),
    "an open quote": ("command: python 'a.py", (), ["no closing quotation"]),
    "nan": ("entry: a\nparams: {x: .nan}", (), ["params.x", "nan"]),
    "a bare key on": ("entry: a\nparams: {on: 1}", (), ["quotes"]),
    "nested env": ("entry: a\nenv: {A: [1]}", (), ["env.A", "expected text"]),
    "torchrun with a command": ("command: python a.py\nlauncher: torchrun", (), ["starts an `entry`"]),
    "ranks without torchrun": ("entry: a\nnproc_per_node: 2", (), ["launcher: torchrun"]),
    "money without a price": ("entry: a\nbudget: {cost: 5}", (), ["per_hour"]),
    "python object": ("entry: !!python/object/apply:os.system ['true']", (), ["not valid YAML"]),
    "override unknown": ("entry: a", ("lr=3",), ["override 'lr=3'", "no such key"]),
    "override near": ("entry: a", ("checkpoint.kep=3",), ["did you mean checkpoint.keep?"]),
    "override type": (
        "entry: a",
        ("checkpoint.keep=two",),
        ["override 'checkpoint.keep=two'", "whole number"],
    ),
    "override no pair": ("entry: a", ("params.lr",), ["not KEY=VALUE"]),
    "override no key": ("entry: a", ("=3",), ["not a key"]),
    "override bad yaml": ("entry: a", ("params.x=[1,",), ["override 'params.x=[1,'", "not valid YAML"]),
    "override two lines": ("entry: a", ("params.x=1\nother: 2",), ["not one value"]),
    "override too deep": ("entry: a", ("name.x=3",), ["no keys of its own"]),
    "override past the end": ("entry: a\nargs: [x]", ("args[4]=3",), ["args[4]=3"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_explained(case: str, tmp_path: Path) -> None:
    text, overrides, said = CASES[case]
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_config(path, overrides)

    told = str(caught.value)
    assert [part for part in said if part not in told] == [], told
    assert caught.value.exit_code == 2
    assert str(path) in told or "override" in told


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no configuration file"):
        load_config(tmp_path / "nope.yaml")
    with pytest.raises(UserError, match="cannot read"):
        load_config(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("entry: \xe4".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        load_config(latin)


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_text_and_no_override_ends_in_anything_but_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, text: str, override: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "c.yaml"
    path.write_bytes(("entry: a\nparams:\n  x: " + text).encode("utf-8", "surrogatepass"))
    for overrides in ((), (override,), (f"params.x={override}",)):
        try:
            load_config(path, overrides)
        except UserError:
            pass
