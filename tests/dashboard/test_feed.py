"""The reading thread: one snapshot at a time, silence when nothing changed, faults that show."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from dashboard_pilot import FakeFleet, FakeFollower, curves
from guardrun.state.model import Status
from guardtui.feed import PERIOD_S, Feed, Reader
from guardtui.snapshot import Wants
from run_factory import run_state
from waiting import wait_for


@pytest.fixture
def fleet():
    now = time.time()
    return FakeFleet(
        FakeFollower(
            run_state(run_id="a", last_event_t=now - 4000, status=Status.FINISHED), curves(), ["hello"]
        ),
        FakeFollower(run_state(run_id="b", last_event_t=now - 4000, status=Status.FINISHED)),
    )


def paths(fleet):
    return list(fleet.followers)


def test_the_first_read_shows_every_run(fleet):
    snapshot = Reader(("runs",)).read(fleet, Wants())

    assert [view.path for view in snapshot.runs] == paths(fleet)
    assert (snapshot.loading, snapshot.problem, snapshot.roots) == (False, "", ("runs",))


def test_an_empty_folder_is_a_snapshot_too():
    assert Reader(()).read(FakeFleet(), Wants()).runs == ()


def test_nothing_is_published_when_nothing_changed(fleet):
    reader = Reader(())
    reader.read(fleet, Wants())

    assert reader.read(fleet, Wants()) is None


def test_a_changed_run_is_new_and_the_others_are_the_same_objects(fleet):
    reader = Reader(())
    before = reader.read(fleet, Wants())
    fleet.change(0, run_id="a", step=501)

    after = reader.read(fleet, Wants())

    assert after.runs[0].state.step == 501
    assert after.runs[1] is before.runs[1]


def test_a_touched_file_without_news_is_not_news(fleet):
    reader = Reader(())
    reader.read(fleet, Wants())
    fleet.changed = set(paths(fleet))

    assert reader.read(fleet, Wants()) is None


def test_curves_come_for_the_runs_that_are_looked_at_and_details_for_one(fleet):
    reader = Reader(())
    first, second = paths(fleet)

    looked = reader.read(fleet, Wants(curves=(first,), detail=first))
    both = reader.read(fleet, Wants(curves=(second, first)))

    assert set(looked.curves[first].series) == set(curves())
    assert (looked.detail.path, looked.detail.console) == (first, ("hello",))
    assert list(both.curves) == [second, first]
    assert both.curves[first] is looked.curves[first]
    assert both.detail is None
    assert reader.read(fleet, Wants(curves=(second, first))) is None
    assert not reader.read(fleet, Wants()).curves


def test_a_run_that_vanished_leaves_the_list(fleet):
    reader = Reader(())
    reader.read(fleet, Wants())
    del fleet.followers[paths(fleet)[0]]

    assert len(reader.read(fleet, Wants()).runs) == 1


def test_a_fault_is_told_once_keeps_the_picture_and_goes_when_it_is_over(fleet):
    reader = Reader(())
    before = reader.read(fleet, Wants())

    told = reader.failed(OSError("disk\x1b[31m gone"))
    again = reader.failed(OSError("disk\x1b[31m gone"))
    healed = reader.read(fleet, Wants())

    assert told.problem == "cannot read the runs (OSError: disk gone); trying again"
    assert told.runs == before.runs
    assert again is None
    assert healed.problem == ""


def test_one_odd_run_hides_no_other_and_is_named_until_it_is_well(fleet):
    reader = Reader(())
    odd = fleet.followers[paths(fleet)[0]]
    well = odd.now
    odd.now = None

    told = reader.read(fleet, Wants())
    silent = reader.read(fleet, Wants())
    odd.now = well
    healed = reader.read(fleet, Wants())

    assert told.problem.startswith("a cannot be read (AttributeError")
    assert [view.path.name for view in told.runs] == ["b"]
    assert silent is None
    assert (healed.problem, len(healed.runs)) == ("", 2)


def test_loading_ends_when_all_history_was_read(fleet):
    reader = Reader(())
    slow = fleet.followers[paths(fleet)[0]]
    slow.caught_up = False
    reader.read(fleet, Wants())
    slow.caught_up = True

    assert reader.read(fleet, Wants()).loading is False


def test_the_thread_publishes_at_most_four_times_a_second(fleet):
    times: list[float] = []
    done = threading.Event()

    def notify() -> None:
        times.append(time.monotonic())
        if len(times) == 4:
            done.set()

    feed = Feed(lambda: fleet, (), notify)
    feed.start()
    step = 500
    while not done.wait(0.01):
        step += 1
        fleet.change(0, run_id="a", step=step)
    feed.stop()

    assert all(later - earlier > PERIOD_S * 0.8 for earlier, later in itertools.pairwise(times))
    assert fleet.closed


def test_a_fleet_that_cannot_be_made_is_a_visible_state_and_tried_again(fleet):
    attempts = []

    def make():
        attempts.append(1)
        if len(attempts) == 1:
            raise RuntimeError("no such thing")
        return fleet

    feed = Feed(make, (), lambda: None)
    feed.start()

    wait_for(lambda: "no such thing" in feed.take().problem)
    wait_for(lambda: feed.take().runs and not feed.take().problem)
    feed.stop()


def test_looking_at_another_run_does_not_wait_for_the_next_round(fleet):
    published = threading.Event()
    feed = Feed(lambda: fleet, (), published.set)
    feed.start()
    assert published.wait(5)
    published.clear()

    feed.want(Wants(curves=(paths(fleet)[0],)))

    assert published.wait(5)
    assert list(feed.take().curves) == [paths(fleet)[0]]
    feed.stop()


def test_curves_that_go_on_and_on_are_renewed_twice_a_second_and_steps_at_once(fleet, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("guardtui.feed.time.monotonic", lambda: clock[0])
    reader = Reader(())
    first = paths(fleet)[0]
    wants = Wants(curves=(first,))
    before = reader.read(fleet, wants)

    clock[0] += 0.25
    fleet.followers[first].series.version += 1
    fleet.change(0, run_id="a", step=501)
    early = reader.read(fleet, wants)
    assert reader.pending
    clock[0] += 0.3
    late = reader.read(fleet, wants)

    assert early.runs[0].state.step == 501
    assert early.curves[first] is before.curves[first]
    assert late.curves[first] is not before.curves[first]
    assert not reader.pending


def test_the_runs_that_are_seen_are_attended(fleet):
    first, second = paths(fleet)

    Reader(()).read(fleet, Wants(curves=(second,), detail=first))

    assert set(fleet.attended) == {first, second}


def test_long_curves_that_moved_by_less_than_a_dot_are_renewed_every_two_seconds(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("guardtui.feed.time.monotonic", lambda: clock[0])
    follower = FakeFollower(run_state(run_id="a"), curves())
    fleet = FakeFleet(follower)

    def grow(rows: int) -> None:
        follower.series.version += 1
        follower.series.rows = lambda rank=0: rows
        fleet.changed = {path}

    (path,) = paths(fleet)
    wants = Wants(curves=(path,))
    reader = Reader(())
    grow(3000)
    before = reader.read(fleet, wants)

    clock[0] += 0.6
    grow(3005)
    early = reader.read(fleet, wants)
    assert reader.pending
    clock[0] += 1.5
    late = reader.read(fleet, wants)
    clock[0] += 0.6
    grow(3035)
    moved = reader.read(fleet, wants)

    assert (early or before).curves[path] is before.curves[path]
    assert late.curves[path] is not before.curves[path]
    assert moved.curves[path] is not late.curves[path]


def test_reading_is_not_over_before_every_run_is_listed(monkeypatch):
    monkeypatch.setattr("guardtui.reader._NEW_LOOKS_S", 0.0)
    fleet = FakeFleet(*(FakeFollower(run_state(run_id=name)) for name in "abc"))
    reader = Reader(())

    pictures = []
    while not pictures or reader.loading or reader.pending:
        pictures.append(reader.read(fleet, Wants()) or pictures[-1])
        assert len(pictures) < 20

    assert len(pictures) > 1
    assert len(pictures[-1].runs) == 3
    assert pictures[0].loading
