"""What a configuration file and overrides become: the effective configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.provenance.config import (
    Loaded,
    config_from_command,
    config_from_earlier,
    config_yaml,
    load_config,
)
from guardrun.provenance.config.model import PolicyConfig
from guardrun.provenance.config.normal import mode_of
from guardrun.signals.policy import DEFAULT_POLICY

WRITE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)


@pytest.fixture
def load(tmp_path: Path):
    def load(text: str, *overrides: str) -> Loaded:
        path = tmp_path / "digits.yaml"
        path.write_text(text)
        return load_config(path, overrides)

    return load


def test_one_line_is_enough_and_every_default_is_filled_in(load) -> None:
    effective = load("entry: train.py").effective

    assert effective["name"] == "digits"
    assert effective["monitor"] == {"metric": "val/loss", "mode": "min"}
    assert effective["checkpoint"] == {
        "every_steps": None, "every_epochs": 1, "keep": 2, "async": False, "low_space": "warn",
    }  # fmt: skip
    assert effective["stop"] == {"patience": None, "min_delta": 0.0, "grace": 60.0, "hang": 300.0}
    assert effective["policy"] == dict(DEFAULT_POLICY)
    assert effective["resume"] == {"skip": "replay"}
    json.dumps(effective, allow_nan=False)


def test_async_is_written_as_python_forbids(load) -> None:
    """The key is a word that a field of a class can't be called."""
    assert load("entry: train.py\ncheckpoint: {async: true}").effective["checkpoint"]["async"] is True
    assert load("entry: train.py", "checkpoint.async=true").effective["checkpoint"]["async"] is True


def test_the_policy_knows_exactly_the_signals_that_exist() -> None:
    """The configuration may not import the rules, so that a test holds the two lists together."""
    from guardrun.signals import rules

    assert set(PolicyConfig.__struct_fields__) == set(DEFAULT_POLICY)
    known = {path.stem for path in Path(rules.__path__[0]).glob("[a-z]*.py")}
    assert set(DEFAULT_POLICY) <= known


@pytest.mark.parametrize(
    ("text", "value"),
    [("3e-4", 3e-4), ("1e5", 1e5), ("1E-3", 1e-3), (".5", 0.5), ("10", 10), ("'3e-4'", "3e-4"), ("on", True)],
)
def test_numbers_are_numbers(load, text: str, value: object) -> None:
    assert load(f"entry: a\nparams:\n  x: {text}").effective["params"]["x"] == value
    assert load("entry: a", f"params.x={text}").effective["params"]["x"] == value


def test_a_whole_number_may_be_written_with_an_exponent(load) -> None:
    budget = load("entry: a\nbudget: {steps: 1e5}", "seed=1e3")
    assert budget.config.budget.steps == 100_000
    assert type(budget.effective["budget"]["steps"]) is int
    assert budget.config.seed == 1000


@pytest.mark.parametrize("written", ["off", "'off'", "false", "no"])
def test_a_bare_off_switches_a_signal_off(load, written: str) -> None:
    """YAML reads off as false."""
    assert load(f"entry: a\npolicy: {{nan: {written}}}").config.policy.nan == "off"
    assert load("entry: a", f"policy.nan={written}").config.policy.nan == "off"


def test_interpolation_works_everywhere_and_reaches_defaults(load) -> None:
    loaded = load(
        "entry: train.py\nseed: 7\nname: lr-${params.lr}\n"
        "args: [--lr, '${params.lr}', '--seed=${seed}', '${monitor.metric}', --flag, true, 3]\n"
        "params: {lr: 1e-3, half: '${params.lr}'}"
    )
    assert loaded.config.args == ["--lr", "0.001", "--seed=7", "val/loss", "--flag", "true", "3"]
    assert loaded.config.name == "lr-0.001"
    assert loaded.config.params["half"] == 0.001


def test_overrides_reach_what_refers_to_them(load) -> None:
    loaded = load("entry: a\nargs: ['${params.lr}']\nparams: {lr: 1e-3}", "params.lr=0.5")
    assert loaded.config.args == ["0.5"]
    assert loaded.overrides == ["params.lr=0.5"]


def test_overrides_of_every_shape(load) -> None:
    loaded = load(
        "entry: a\nargs: [a, b]\nparams: {deep: {x: 1, y: 2}}",
        "args[1]=c", "params.deep.x=5", "params.new.list=[1,2]", "params.text=a=b", "params.empty=",
        "stop.patience=3", "params.path=/data/x.csv", "env.CUDA_VISIBLE_DEVICES=0", "budget.time=2h",
    )  # fmt: skip
    assert loaded.config.args == ["a", "c"]
    assert loaded.config.params == {
        "deep": {"x": 5, "y": 2}, "new": {"list": [1, 2]}, "text": "a=b", "empty": None,
        "path": "/data/x.csv",
    }  # fmt: skip
    assert loaded.config.stop.patience == 3
    assert loaded.config.env == {"CUDA_VISIBLE_DEVICES": "0"}
    assert loaded.config.budget.time == 7200


def test_an_empty_section_means_its_defaults(load) -> None:
    loaded = load("entry: a\nmonitor:\nstop:\n  # patience: 3\nparams:\n")
    assert loaded.config.monitor.metric == "val/loss"
    assert loaded.config.params == {}


def test_each_value_knows_where_it_came_from(load) -> None:
    origins = load("entry: a\nparams: {lr: 1, n: 2}\nseed: 3", "params.lr=2", "stop.grace=2m").origins
    assert origins["params.lr"] == "override"
    assert origins["stop.grace"] == "override"
    assert origins["params.n"] == origins["seed"] == origins["entry"] == "file"
    assert origins["stop.patience"] == origins["policy.nan"] == "default"


@pytest.mark.parametrize(
    ("metric", "mode"),
    [("val/loss", "min"), ("val/accuracy", "max"), ("val/acc@1", "max"), ("val/f1_macro", "max"),
     ("val/perplexity", "min"), ("val/mAP", "max"), ("test/auroc", "max"), ("val/wer", "min"),
     ("val/x", None)],
)  # fmt: skip
def test_the_metrics_name_tells_whether_less_is_better(metric: str, mode: str | None) -> None:
    """An accuracy minimised by an oversight would keep the worst checkpoint as best."""
    assert mode_of(metric) == mode


def test_metric_names_become_the_stored_ones(load) -> None:
    monitor = load("entry: a\nmonitor: {metric: val_acc}").config.monitor
    assert (monitor.metric, monitor.mode) == ("val/acc", "max")


def test_a_command_line_is_split_as_a_shell_would(load) -> None:
    loaded = load("command: python train.py --name 'a b' --lr ${params.lr}\nparams: {lr: 2}")
    assert loaded.config.command == ["python", "train.py", "--name", "a b", "--lr", "2"]


def test_the_written_configuration_loads_again_to_the_same(load, tmp_path: Path) -> None:
    loaded = load(
        "entry: a\nparams: {lr: 3e-4, s: 'on', d: '2024-01-02', dollar: '\\${x}', n: null, l: [1, a, [2]]}\n"
        "policy: {nan: off}\nbudget: {time: 1d}", "params.lr=1e-9", "env.A=\\${HOME}",
    )  # fmt: skip
    for origins in (False, True):
        again = tmp_path / "again.yaml"
        again.write_text(config_yaml(loaded, origins=origins))
        assert load_config(again).effective == loaded.effective


def test_a_resume_starts_from_what_was_written_not_from_what_it_became(load) -> None:
    """A new learning rate must reach the command line that refers to it."""
    first = load("entry: a\nargs: ['${params.lr}']\nparams: {lr: 1}", "params.n=5")
    raw = json.loads(json.dumps(first.raw))

    second = config_from_earlier(raw, ["params.lr=3"], source=first.source, name="digits")

    assert second.config.args == ["3"]
    assert second.config.params == {"lr": 3, "n": 5}


@given(st.lists(WRITE.filter(bool), min_size=1, max_size=4))
def test_a_commands_arguments_arrive_as_typed(argv: list[str]) -> None:
    assert config_from_command(argv).config.command == argv


@pytest.mark.parametrize(
    ("argv", "name"),
    [(["python", "src/train.py", "--lr", "1"], "train"), (["python", "-m", "pkg.fit"], "fit"),
     (["./go.sh"], "go"), (["/usr/bin/octave"], "octave"),
     (["python", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "fit.py"], "fit"),
     (["accelerate", "launch", "--num_processes", "2", "--num_machines", "1", "--cpu", "fit.py"], "fit")],
)  # fmt: skip
def test_a_command_names_its_run(argv: list[str], name: str) -> None:
    assert config_from_command(argv).config.name == name
    assert config_from_command(argv, name="mine", group="g").config.name == "mine"


def test_a_file_called_config_takes_its_folders_name(tmp_path: Path) -> None:
    folder = tmp_path / "resnet"
    folder.mkdir()
    (folder / "config.yaml").write_text("entry: a")
    assert load_config(folder / "config.yaml").config.name == "resnet"


VALUES = st.one_of(
    st.integers(-(10**6), 10**6), st.booleans(), st.none(),
    st.floats(allow_nan=False, allow_infinity=False, width=32), st.lists(st.integers(0, 9), max_size=3),
    st.text("abc xyz-_/:#'\"{}[],&*!|>%@`\\", max_size=12),
)  # fmt: skip


@given(VALUES)
def test_any_value_written_as_json_is_read_as_itself(tmp_path_factory: pytest.TempPathFactory, value) -> None:
    path = tmp_path_factory.getbasetemp() / f"json-{os.getpid()}.yaml"
    path.write_text("entry: a")
    found = load_config(path, [f"params.x={json.dumps(value)}"]).config.params["x"]
    if isinstance(value, float):
        assert found == pytest.approx(value, rel=1e-12)
    else:
        assert found == value
