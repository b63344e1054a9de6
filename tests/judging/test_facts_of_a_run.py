"""Facts are read from a run's files, and what a run does not tell is None."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from compared_runs import finished_run
from guardrun.errors import UserError
from guardrun.judging.check_records import code_of, config_fingerprint, save_check
from guardrun.judging.efficiency import (
    energy_kwh,
    margin,
    model_flops_utilisation,
    pace,
    peak_flops_of,
    quality_curve,
)
from guardrun.judging.efficiency_words import efficiency_json, efficiency_lines, most_of_the_gain
from guardrun.judging.facts import flattened
from guardrun.judging.gathering import gather_facts
from guardrun.series.store import Series
from guardrun.state.model import Status
from run_factory import T0, RunWriter

RECORDED = Path(__file__).resolve().parents[2] / "sample_runs/recorded"


def curve(values: list[float], *, every: float = 1.0, name: str = "x", t0: float = T0) -> Series:
    n = len(values)
    t = t0 + every * np.arange(n)
    attempt = np.ones(n, np.int32)
    return Series(name, np.arange(1.0, n + 1), t, np.zeros(n), np.array(values, float), attempt)


def test_a_whole_run(tmp_path: Path) -> None:
    path = finished_run(
        tmp_path, (2.0, 0.5, 0.7), seed=7, params={"lr": 0.1}, per_hour=36.0, data={"val": "ab" * 32},
        env={"precision": "bfloat16"},
        told=[("preprocessing", {"sha256": "cd" * 32, "text": "Normalize"}), ("test_use", {"name": "test"}),
              ("sanity", {"mode": "overfit", "acknowledged": True})],
    )  # fmt: skip
    facts = gather_facts(path)

    assert (facts.name, facts.status, facts.seed) == ("digits", Status.FINISHED, 7)
    assert facts.monitor == ("val/loss", "min")
    assert facts.best is not None
    assert (facts.best.value, facts.best.step, facts.best.epoch) == (0.5, 20, 0)
    assert facts.last is not None
    assert facts.last.value == 0.7
    assert facts.evaluations == 3
    assert facts.data["val"]["sha256"] == "ab" * 32
    assert facts.preprocessing_sha256 == ("cd" * 32,)
    assert [use["name"] for use in facts.test_uses] == ["test"]
    assert [check["mode"] for check in facts.sanity] == ["overfit"]
    assert (facts.precision, facts.gpus, facts.gpu_hours) == ("bfloat16", 0, 0.0)
    assert facts.hours == pytest.approx(3.0 / 3600, rel=0.01)
    assert facts.cost == pytest.approx(0.03, rel=0.01)
    assert facts.effective_batch == pytest.approx(64, rel=0.01)
    assert facts.data_share == pytest.approx(0.1)
    assert facts.step_time == pytest.approx(0.1)
    assert list(facts.curves["val/loss"].value) == [2.0, 0.5, 0.7]
    assert "val/nothing" not in facts.curves


def test_what_a_run_does_not_tell_is_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/events.jsonl").write_bytes(b'{"t":1,"kind":"header","attempt":1}\n{"t":2,"kind":"me')
    facts = gather_facts(tmp_path / "run")

    told = (
        facts.seed, facts.monitor, facts.best, facts.split, facts.precision, facts.effective_batch,
        facts.gpus, facts.gpu_hours, facts.energy_kwh, facts.cost, facts.mfu, facts.baseline, facts.step_time,
        facts.peak_gpu_bytes, facts.accumulate,
    )  # fmt: skip
    assert set(told) == {None}
    assert (facts.data, facts.config, facts.config_origins, facts.preprocessing) == ({}, {}, {}, ())
    assert efficiency_lines(facts) == []
    assert efficiency_json(facts)["quality"] == []


def test_events_of_wrong_types_hurt_nobody(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.launch(config={"monitor": 3, "cost": [], "efficiency": "x"}, environment={"gpus": 7}, overrides=4)
    for kind in (
        "run_start",
        "seeds",
        "env",
        "data",
        "preprocessing",
        "split",
        "sanity",
        "test_use",
        "phase",
    ):
        run.event(kind, config=[1], seed={}, gpus=3, name=[], sha256=5, mode={}, metric=1, accumulate="x")
    run.event("sanity", mode="baseline", metric=[], value="NaN")
    facts = gather_facts(run.paths.root)

    assert facts.config["monitor"] == 3
    assert (facts.seed, facts.baseline, facts.accumulate) == (None, None, None)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run directory"):
        gather_facts(tmp_path)


def test_the_script_s_own_values_are_part_of_the_configuration_and_say_so(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.launch(
        config={"seed": 1, "params": {"lr": 0.5}, "stop": {"patience": None}},
        config_origins={"seed": "file", "params.lr": "override", "stop.patience": "default"},
        config_source="/x/config.yaml", overrides=["params.lr=0.5"],
    )  # fmt: skip
    run.event(
        "run_start", attempt=1,
        config={"seed": 1, "params": {"lr": 0.5, "width": 8}, "stop": {"patience": None}},
    )  # fmt: skip
    facts = gather_facts(run.paths.root)

    assert flattened(facts.config)["params.width"] == 8
    assert facts.config_origins == {
        "seed": "file", "params.lr": "override", "params.width": "script", "stop.patience": "default",
    }  # fmt: skip
    assert facts.config_defaults == {"stop.patience": None}
    assert facts.overrides == ("params.lr=0.5",)


def test_a_resumed_run_counts_both_attempts_and_not_the_pause() -> None:
    (path,) = RECORDED.glob("*_resumed_*")
    facts = gather_facts(path, judge=False)

    assert facts.best is not None
    assert facts.best.seconds is not None
    spans = [a.ended - a.started for a in facts.attempts if a.ended is not None]
    assert spans[0] < facts.best.seconds < sum(spans)
    hours = [point.hours for point in quality_curve(facts)]
    assert hours == sorted(hours)
    assert facts.hours == pytest.approx(sum(spans) / 3600)


def test_two_ranks_add_up(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.start()
    run.train(20, seconds=0.1, samples_per_s=320.0)
    run.event("header", file="events.rank1.jsonl", attempt=1, rank=1, world_size=2)
    for step in range(1, 21):
        run.event("metrics", file="events.rank1.jsonl", step=step, step_time=0.1, samples_per_s=320.0)
    facts = gather_facts(run.paths.root)

    assert facts.world_size == 2
    assert facts.effective_batch == pytest.approx(64)
    assert facts.samples_per_s == pytest.approx(640)


def test_gpu_hours_and_energy_are_of_the_gpus_that_were_used(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.launch(
        environment={"variables": {"CUDA_VISIBLE_DEVICES": "1"}, "gpus": [{"name": "NVIDIA H100"}] * 2},
        config={"efficiency": {"flops_per_step": 989e12 * 0.05 * 0.4}},
    )  # fmt: skip
    run.start()
    run.event("env", gpus=["NVIDIA H100 80GB HBM3"], cuda="12.4")
    run.event("header", file="system.jsonl", writer="system", attempt=1)
    for _ in range(100):
        run.train(1, seconds=0.05)
        run.event(
            "system", file="system.jsonl",
            **{"gpu0/power_w": 700.0, "gpu1/power_w": 360.0},
            **{"gpu1/memory_bytes": 5e9, "gpu0/memory_bytes": 9e9},
        )  # fmt: skip
    run.end(attempt=1)
    facts = gather_facts(run.paths.root)

    assert facts.gpus == 1
    assert facts.gpu_hours == facts.hours
    assert facts.energy_kwh == pytest.approx(360 * 99 * 0.05 / 3.6e6)
    assert facts.peak_gpu_bytes == 5e9
    assert facts.mfu == pytest.approx(0.4)
    assert "model FLOPs utilisation 40.0%" in efficiency_lines(facts)[0]


def test_a_baseline_is_kept_and_beaten_or_not(tmp_path: Path) -> None:
    told = [("sanity", {"mode": "baseline", "metric": "val/loss", "value": 0.8, "model": "mean"})]
    better = gather_facts(finished_run(tmp_path, (2.0, 0.5), told=told))
    worse = gather_facts(finished_run(tmp_path, (2.0, 0.9), told=told))

    assert margin(better) == pytest.approx(0.3)
    assert margin(worse) == pytest.approx(-0.1)
    assert efficiency_lines(better)[-1] == "0.3 better than the baseline (mean), val/loss 0.8"
    assert "worse than the baseline" in efficiency_lines(worse)[-1]


def test_the_baseline_of_guard_check_is_the_run_s_too(tmp_path: Path) -> None:
    path = finished_run(tmp_path / "runs", (2.0, 0.5), params={"lr": 1})
    launch = json.loads((path / "attempts/1.json").read_text())
    evidence = {"text": "…", "metric": "val/loss", "value": 0.6, "model": "logistic regression"}
    items = [{"id": "baseline", "seed_item": 5, "verdict": "pass", "evidence": evidence, "next": None}]
    result = {"verdict": "pass", "items": items}
    save_check(config_fingerprint(launch["config"]), code_of(launch["git"]), result, tmp_path)
    facts = gather_facts(path)

    assert facts.baseline == ("val/loss", 0.6, "logistic regression")
    assert margin(facts) == pytest.approx(0.1)


def test_quality_against_hours_and_money(tmp_path: Path) -> None:
    facts = gather_facts(finished_run(tmp_path, (2.0, 1.0, 1.5, 0.9), seconds=36.0, per_hour=10.0))
    points = quality_curve(facts)

    assert [point.best for point in points] == [2.0, 1.0, 0.9]
    assert [round(point.hours, 3) for point in points] == [0.1, 0.2, 0.4]
    assert [round(point.cost or 0, 2) for point in points] == [1.0, 2.0, 4.0]
    most = most_of_the_gain(points)
    assert most is not None
    assert most.best == 0.9
    assert "the rest took 0% of the time" in efficiency_lines(facts)[-1]


def test_energy_counts_no_pause_that_nobody_measured() -> None:
    before, after = curve([100.0] * 11), curve([100.0] * 11, t0=T0 + 5000)
    axes = ("step", "t", "epoch", "value")
    columns = (np.concatenate([getattr(before, name), getattr(after, name)]) for name in axes)
    both = Series("p", *columns, np.ones(22, np.int32))

    assert energy_kwh([both]) == pytest.approx(2000 / 3.6e6)
    assert energy_kwh([]) is None
    assert energy_kwh([curve([5.0])]) is None


@given(some.lists(some.floats(1e-3, 10), min_size=1, max_size=30), some.integers(1, 512))
def test_throughput_is_samples_over_time(times: list[float], batch: int) -> None:
    rank = {
        "step_time": curve(times), "data_time": curve([time / 4 for time in times]),
        "samples_per_s": curve([batch / time for time in times]),
    }  # fmt: skip
    found = pace([rank])

    assert found.samples_per_s == pytest.approx(batch * len(times) / sum(times))
    assert found.effective_batch == pytest.approx(batch)
    assert found.data_share == pytest.approx(0.25)


def test_throughput_of_rows_that_lack_a_time_is_of_the_others() -> None:
    rank = {"step_time": curve([0.1, 0.2]), "samples_per_s": curve([320.0])}

    assert pace([rank]).samples_per_s == pytest.approx(320)
    assert pace([]).samples_per_s is None


def test_utilisation_by_hand() -> None:
    """A 1e9-parameter transformer at 50,000 tokens a second on an A100: 6e9 * 5e4 / 312e12 = 96 %."""
    common = {"step_time": 0.5, "peak": peak_flops_of("NVIDIA A100-SXM4-80GB"), "devices": 1}

    assert model_flops_utilisation(
        flops_per_step=None, flops_per_token=6e9, tokens_per_s=5e4, **common  # type: ignore[arg-type]
    ) == pytest.approx(0.9615, abs=1e-4)  # fmt: skip
    assert model_flops_utilisation(
        flops_per_step=78e12, flops_per_token=None, tokens_per_s=None, **common  # type: ignore[arg-type]
    ) == pytest.approx(0.5)  # fmt: skip
    assert model_flops_utilisation(
        flops_per_step=1e9, flops_per_token=None, step_time=0.1, tokens_per_s=None, peak=None, devices=1
    ) is None  # fmt: skip


def test_a_run_that_goes_on_has_facts_too(tmp_path: Path) -> None:
    path = finished_run(tmp_path, (1.0, 0.9), end=None, t=time.time() - 5)

    assert gather_facts(path).best is not None


def test_a_process_that_had_gone_is_no_measurement_of_memory(tmp_path: Path) -> None:
    """A training shorter than the first look at it leaves one row of zeros."""
    run = RunWriter(tmp_path)
    run.launch(config={})
    run.start()
    run.event("system", file="system.jsonl", **{"tree/rss_bytes": 0.0, "tree/processes": 0.0})
    run.end()

    assert gather_facts(run.paths.root).peak_host_bytes is None
