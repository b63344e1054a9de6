"""The end of a training's own output: bounded, plain, progress bars folded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrun.following.console import ConsoleWindow, folded


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("epoch 1", "epoch 1"),
        ("10%\r50%\r100%", "100%"),
        ("10%\r50%\r", "50%"),
        ("done\r\x1b[K", "done"),
        ("\x1b[32mgreen\x1b[0m", "green"),
        ("", ""),
        ("trailing   ", "trailing"),
    ],
)
def test_a_line_is_what_a_terminal_would_show_last(line: str, shown: str) -> None:
    assert folded(line) == shown


def test_the_last_lines_come_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("".join(f"line {n}\n" for n in range(1000)) + "unfinished")

    text = ConsoleWindow(path).read(3)

    assert text.lines[-3:] == ("line 998", "line 999", "unfinished")
    assert not text.complete


def test_a_huge_log_is_read_from_its_end_only(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    with open(path, "wb") as file:
        file.truncate(50 * 1024**3)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast line\n")

    assert ConsoleWindow(path).read(1).lines[-1:] == ("last line",)


def test_a_log_of_one_endless_progress_bar_shows_its_newest_state(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("\r".join(f"{n} of 100000" for n in range(100001)))

    assert ConsoleWindow(path).read(10).lines == ("100000 of 100000",)


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"caf\xe9 \x00\x1b[2J\n")

    assert ConsoleWindow(path).read(1).lines == ("caf\ufffd",)


@pytest.mark.parametrize("kind", ["missing", "link", "folder"])
def test_what_is_no_file_has_no_lines(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "console.log"
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()

    assert ConsoleWindow(path).read(5).lines == ()


def test_added_lines_keep_the_numbers_of_those_before_and_a_line_grows_until_its_end(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("one\ntw")
    window = ConsoleWindow(path)
    before = window.read(10)
    assert window.read(10) is before

    with path.open("a") as file:
        file.write("o\n10%\r20%")
    after = window.read(10)

    assert before.lines == ("one", "tw")
    assert after.lines == ("one", "two", "20%")
    assert before.first == after.first == 0


def test_earlier_lines_come_when_they_are_wanted_and_keep_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    lines = [f"line {n:06} of a training that says a lot" for n in range(20_000)]
    path.write_text("\n".join(lines) + "\n")
    window = ConsoleWindow(path)
    text = window.read(10)
    held, place = len(text.lines), text.first + len(text.lines)
    while not text.complete:
        text = window.read(20_000)

    assert held < 1000
    assert list(text.lines) == lines
    assert text.first + len(text.lines) == place


def test_what_nobody_wants_any_more_is_forgotten_and_can_be_had_again(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    lines = [f"line {n}" for n in range(9_000)]
    path.write_text("\n".join(lines) + "\n")
    window = ConsoleWindow(path)
    window.read(9_000)
    few = window.read(100)
    many = window.read(9_000)

    assert list(few.lines) == lines[-100:]
    assert few.first == 8_900
    assert list(many.lines) == lines
    assert many.complete


def test_a_file_that_was_truncated_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("a long first output\n")
    window = ConsoleWindow(path)
    window.read(10)
    path.write_text("new\n")

    assert window.read(10).lines == ("new",)
