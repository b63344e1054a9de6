"""Episodes of a run whose signals flap for days."""

from __future__ import annotations

from dataclasses import replace

from guardrun.following.episodes import Episodes, worst_active
from guardrun.signals.model import Severity, Signal


def _signal(id: str, severity: Severity, step: int) -> Signal:
    return Signal(id, severity, "warn", step, step, "")


def test_a_thousand_spikes_do_not_hide_what_is_to_be_acted_on():
    episodes = Episodes()
    for step in range(5000):
        spike = _signal("loss_spike", "info", step)
        episodes.add(spike)
        episodes.add(replace(spike, cleared_at=step))
    episodes.add(_signal("nan", "act", 5000))
    worst = worst_active(episodes.all())
    assert worst is not None
    assert worst.id == "nan"
    assert len(episodes.all()) == 1001


def test_information_that_found_no_room_is_kept_once_it_grows_worse():
    episodes = Episodes()
    for step in range(1000):
        episodes.add(replace(_signal("loss_spike", "info", step), cleared_at=step))
    episodes.add(_signal("nan", "info", 1000))
    episodes.add(_signal("nan", "act", 1010))
    episodes.add(replace(_signal("nan", "act", 1010), cleared_at=1030))
    assert [(s.id, s.severity, s.cleared_at) for s in episodes.all()[1000:]] == [("nan", "act", 1030)]
