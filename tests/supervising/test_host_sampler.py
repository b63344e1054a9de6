"""What the host does while it trains, as far as a real host tells it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import psutil

from guardrun.supervising.samplers.host import HostSampler


def counters(monkeypatch, **interfaces):
    told = {
        name: SimpleNamespace(bytes_recv=got, bytes_sent=sent) for name, (got, sent) in interfaces.items()
    }
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: told)


def test_a_real_host_tells_its_traffic_from_the_second_sample_on(tmp_path):
    sampler = HostSampler(tmp_path, list)
    first = sampler.sample()
    time.sleep(0.02)
    second = sampler.sample()

    assert "network/received_bytes_per_s" not in first
    assert second["network/received_bytes_per_s"] >= 0
    assert second["network/sent_bytes_per_s"] >= 0


def test_traffic_is_a_rate_without_what_stays_on_the_host(tmp_path, monkeypatch):
    sampler = HostSampler(tmp_path, list)
    monkeypatch.setattr(time, "monotonic", lambda: 10.0)
    counters(monkeypatch, eth0=(1000, 500), ib0=(0, 0), lo=(9e9, 9e9))
    sampler.sample()
    monkeypatch.setattr(time, "monotonic", lambda: 12.0)
    counters(monkeypatch, eth0=(2000, 500), ib0=(5000, 100), lo=(99e9, 99e9))
    values = sampler.sample()

    assert values["network/received_bytes_per_s"] == 3000
    assert values["network/sent_bytes_per_s"] == 50


def test_an_interface_that_goes_away_is_no_negative_traffic(tmp_path, monkeypatch):
    sampler = HostSampler(tmp_path, list)
    counters(monkeypatch, eth0=(1000, 500), eth1=(1000, 500))
    sampler.sample()
    counters(monkeypatch, eth0=(1100, 600))

    assert "network/received_bytes_per_s" not in sampler.sample()
