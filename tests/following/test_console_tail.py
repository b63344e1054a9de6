"""The end of a training's own output: bounded, plain, progress bars folded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrun.following.console import console_tail, folded


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

    assert console_tail(path, 3) == ["line 998", "line 999", "unfinished"]
    assert console_tail(path, 0) == []


def test_a_huge_log_is_read_from_its_end_only(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    with open(path, "wb") as file:
        file.truncate(50 * 1024**3)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast line\n")

    assert console_tail(path, 1) == ["last line"]


def test_a_log_of_one_endless_progress_bar_shows_its_newest_state(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("\r".join(f"{n} of 100000" for n in range(100001)))

    assert console_tail(path, 10) == ["100000 of 100000"]


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"caf\xe9 \x00\x1b[2J\n")

    assert console_tail(path, 1) == ["caf\ufffd"]


@pytest.mark.parametrize("kind", ["missing", "link", "folder"])
def test_what_is_no_file_has_no_lines(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "console.log"
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()

    assert console_tail(path, 5) == []
