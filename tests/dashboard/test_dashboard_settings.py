"""What the dashboard remembers: kept whole, shared by two dashboards, and never in the way."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import fields
from pathlib import Path

import pytest

from guardtui.settings import Settings, SettingsStore, merged, settings_file, settings_from
from waiting import wait_for


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "guardrun" / "dashboard.json"


def opened(file):
    store = SettingsStore(file)
    store.start(wait_s=10)
    return store


def kept(file):
    return json.loads(file.read_text())


def test_what_was_changed_is_there_the_next_time(file):
    store = opened(file)
    store.change(order="best", reverse=True, theme="guard-light", columns_off=("TREND",))
    store.mark("pinned", add=("a", "b"))
    store.mark("pinned", drop=("a",))
    store.stop()

    assert store.current == opened(file).current
    assert opened(file).current == Settings(
        "best", True, pinned=("b",), columns_off=("TREND",), theme="guard-light"
    )
    assert sorted(os.listdir(file.parent)) == [".dashboard.json.lock", "dashboard.json"]


def test_two_dashboards_do_not_undo_each_other(file):
    one, two = opened(file), opened(file)
    one.mark("pinned", add=("a",))
    wait_for(file.exists)
    two.mark("pinned", add=("b",))
    two.change(order="name")
    one.change(theme="guard-light")
    one.stop()
    two.stop()

    both = opened(file).current
    assert (sorted(both.pinned), both.order, both.theme) == (["a", "b"], "name", "guard-light")


def test_many_writers_at_once_lose_nothing(file):
    stores = [opened(file) for _ in range(4)]

    def pin(number: int) -> None:
        for step in range(10):
            stores[number].mark("hidden", add=(f"{number}-{step}",))

    threads = [threading.Thread(target=pin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.stop()

    assert len(opened(file).current.hidden) == 40


def test_keys_of_another_version_stay_in_the_file(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"future": {"x": [1]}, "order": "name"}))
    store = opened(file)
    store.change(order="best")
    store.stop()

    assert kept(file) == {"future": {"x": [1]}, "order": "best"}


@pytest.mark.parametrize("damage", [b"{", b"", b"\xff\xfe", b"[1]", b"[" * 100_000, b" " * 1_000_001])
def test_a_damaged_file_means_defaults_and_a_note_and_is_kept_aside(file, damage):
    file.parent.mkdir(parents=True)
    file.write_bytes(damage)
    store = opened(file)

    wait_for(lambda: store.note)
    assert store.current == Settings()
    assert "your settings begin anew" in store.note
    store.change(order="name")
    store.stop()
    assert kept(file) == {"order": "name"}
    assert (file.parent / "dashboard.json.damaged").read_bytes() == damage


def test_one_odd_value_costs_only_itself(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"order": 5, "reverse": "yes", "pinned": ["a", 1], "theme": "guard-light"}))
    store = opened(file)

    wait_for(lambda: store.note)
    assert store.current == Settings(theme="guard-light")
    assert "order, reverse, pinned" in store.note


def test_a_folder_that_cannot_be_written_is_a_note_and_settings_hold_for_now(tmp_path):
    (tmp_path / "home").write_text("a file, not a folder")
    store = opened(tmp_path / "home" / "guardrun" / "dashboard.json")
    told = threading.Event()
    store.listen(told.set)
    told.clear()
    store.change(order="name")

    assert told.wait(10)
    assert store.note.startswith("settings are not kept: ")
    assert store.current.order == "name"
    store.stop()


def test_a_full_disk_is_a_note_and_leaves_the_old_file_whole(file, monkeypatch):
    store = opened(file)
    store.change(order="name")
    wait_for(file.exists)

    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("guardrun.events.atomic.os.write", full)
    store.change(order="best")

    wait_for(lambda: "No space left on device" in store.note)
    store.stop()
    assert kept(file) == {"order": "name"}
    assert sorted(os.listdir(file.parent)) == [".dashboard.json.lock", "dashboard.json"]


def test_a_link_stays_a_link(file, tmp_path):
    file.parent.mkdir(parents=True)
    (tmp_path / "dotfiles.json").write_text("{}")
    file.symlink_to(tmp_path / "dotfiles.json")
    store = opened(file)
    store.change(order="name")
    store.stop()

    assert file.is_symlink()
    assert kept(tmp_path / "dotfiles.json") == {"order": "name"}


def test_a_change_before_the_file_was_read_is_not_lost(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"pinned": ["old"], "theme": "guard-light"}))
    store = SettingsStore(file)
    store.mark("pinned", add=("new",))
    store.start(wait_s=10)

    assert store.current == Settings(pinned=("old", "new"), theme="guard-light")
    store.stop()
    assert kept(file)["pinned"] == ["old", "new"]


def test_without_a_file_settings_hold_for_this_dashboard_alone():
    store = SettingsStore(None)
    store.start()
    store.change(order="name")
    store.stop()

    assert store.current.order == "name"


def test_ids_are_not_remembered_for_ever():
    table = merged({"pinned": [str(number) for number in range(2000)]}, {"pinned": {"add": ["new"]}})

    assert (len(table["pinned"]), table["pinned"][-1]) == (2000, "new")
    assert settings_from(table)[1] == []


@pytest.mark.parametrize(
    ("environ", "platform", "folder"),
    [
        ({"HOME": "/h"}, "linux", "/h/.config"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "linux", "/x"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "linux", "/h/.config"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Application Support"),
        ({"HOME": "/h", "APPDATA": "/a"}, "win32", "/a"),
    ],
)
def test_the_file_is_where_the_platform_keeps_such_files(environ, platform, folder):
    assert settings_file(environ, platform) == Path(folder) / "guardrun" / "dashboard.json"


def test_every_setting_is_told_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    table = page[page.index("## What is kept") :]

    assert [each.name for each in fields(Settings) if f"`{each.name}`" not in table] == []
