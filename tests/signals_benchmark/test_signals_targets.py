"""A target is met or missed by its count alone, and names the runs that miss it."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.signal_judging.bulk import Stop, Verdicts
from benchmarks.signal_judging.engine_adapter import feed_columns, new_engine, only_overfit, read_log
from benchmarks.signal_judging.frontier import Place, undominated
from benchmarks.signal_judging.labelled import LogVerdict, Seen
from benchmarks.signal_judging.loading import Labelled
from benchmarks.signal_judging.siblings import Pruning
from benchmarks.signal_judging.speed import healthy_run, measure
from benchmarks.signal_judging.targets import Target, of_bulk, of_logs, of_pruning, of_speed

from guardrun.signals.model import Point
from guardrun.signals.rules import overfit


def log(label: str, *seen: Seen, tags: frozenset[str] = frozenset(), problem: str = "") -> LogVerdict:
    labelled = Labelled(f"{label}.csv", "o/r", label, 10, "log", tags, "o/r")
    return LogVerdict(labelled, seen=seen, problem=problem)


def raised(
    rule: str, severity: str = "warn", *, acts: bool = False, health: bool = True, at: int = 3
) -> Seen:
    return Seen(rule, severity, "abort" if acts else "warn", acts, health, 13, at)  # type: ignore[arg-type]


def verdicts(*logs: LogVerdict) -> dict[str, Target]:
    return {target.name: target for target in of_logs(logs)}


def test_one_wrong_stop_in_a_hundred_is_borne_and_two_are_not() -> None:
    right = [Verdicts("f", f"r{n}", "s", 9, {"policy": Stop(3, -0.1, "nan")}) for n in range(99)]
    wrong = [Verdicts("f", f"w{n}", "s", 9, {"policy": Stop(3, 0.1, "overfit")}) for n in range(2)]

    assert next(of_bulk([*right, wrong[0]])).met
    missed = next(of_bulk([*right, *wrong]))
    assert not missed.met
    assert missed.named == ("overfit at eval 3: f: w0", "overfit at eval 3: f: w1")


def test_any_action_on_a_good_run_or_a_late_bloomer_misses() -> None:
    found = verdicts(log("healthy"), log("spike_recovered", raised("loss_explosion", "act", acts=True)))
    assert not found["acts on healthy and spike_recovered runs"].met

    late = frozenset({"late_bloomer"})
    found = verdicts(log("plateau", raised("stagnation", "act", acts=True), tags=late))
    assert not found["acts on late bloomers"].met


def test_a_label_counts_as_flagged_only_by_a_signal_that_means_it() -> None:
    assert verdicts(log("overfit", raised("overfit")))["overfit runs flagged"].met
    assert not verdicts(log("overfit", raised("overfit", "info")))["overfit runs flagged"].met
    assert not verdicts(log("overfit", raised("nan")))["overfit runs flagged"].met
    assert not verdicts(log("nan", problem="unknown"))["nan runs flagged"].met


def test_an_action_long_after_the_onset_misses() -> None:
    name = "nan and exploded acted on near the onset"
    assert verdicts(log("nan", raised("nan", "act", acts=True, at=75)))[name].met
    assert not verdicts(log("nan", raised("nan", "act", acts=True, at=76)))[name].met
    assert name not in verdicts(log("nan", raised("nan")))


def test_warnings_about_speed_or_resources_are_no_health_warnings() -> None:
    name = "healthy runs with a health warning"
    quiet = [log("healthy") for _ in range(9)]
    assert verdicts(*quiet, log("healthy", raised("oscillation")))[name].met
    assert not verdicts(*quiet[1:], log("healthy", raised("oscillation")))[name].met
    assert verdicts(log("healthy", raised("throughput_drop", health=False)))[name].met


def test_pruning_must_lose_less_than_one_winner_in_a_hundred() -> None:
    def lost(winners: float) -> Target:
        return next(of_pruning(Pruning(100, 500, 50, winners, 0, 0.1, ())))

    assert lost(0.9).met
    assert not lost(1).met
    assert list(of_pruning(None)) == []


def test_speed_is_held_to_a_least_rate() -> None:
    met = {target.name: target.met for target in of_speed({"event by event": 5e4, "over columns": 1.9e5})}

    assert met == {"events a second, event by event": True, "events a second, over columns": False}


def test_both_ways_of_feeding_are_measured() -> None:
    rates = measure(steps=300, repeats=1)

    assert set(rates) == {"event by event", "over columns"}
    assert all(rate > 0 for rate in rates.values())


def test_columns_give_the_signals_of_single_events() -> None:
    points = [
        Point(p.kind, p.step, p.epoch, p.t, {**p.values, "train/loss": 1e3})
        if p.step > 6000 and p.kind == "metrics"
        else p
        for p in healthy_run(6500)
    ]
    single, columns = new_engine(total_steps=6500), new_engine(total_steps=6500)
    for point in points:
        single.feed(point)

    feed_columns(points)(columns)

    assert single.active
    assert columns.active == single.active


def test_a_scaled_overfit_rule_is_put_back() -> None:
    rise = overfit.RISE
    with only_overfit(2):
        assert 2 * rise == overfit.RISE
    assert rise == overfit.RISE


def test_the_frontier_keeps_what_no_other_rule_beats_in_both() -> None:
    safe = Place("overfit as it is", 8, 10, 0, 0, 50)
    greedy = Place("greedy", 10, 10, 5, 5, 99)
    beaten = Place("beaten", 8, 10, 1, 0, 60)

    assert list(undominated([safe, greedy, beaten])) == [safe, greedy]


def test_a_log_whose_steps_go_back_is_judged_anew_from_there(tmp_path: Path) -> None:
    path = tmp_path / "training.jsonl"
    rows = [{"step": step, "loss": 1.0 / step, "lr": 0.1} for step in (*range(1, 30), *range(20, 50))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    (log,) = read_log(path)

    assert log.points.count(None) == 1
    assert log.points.index(None) == 29
