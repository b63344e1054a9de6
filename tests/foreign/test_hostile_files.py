"""Files that are no logs, or broken ones: a clear message or the rows that are whole, no crash, no hang."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guardrun.errors import UserError
from guardrun.reading.foreign import ForeignLog, read_foreign
from guardrun.reading.foreign.opening import LONGEST_LINE

CSV = "step,loss,val_loss\n1,0.5,\n2,0.25,0.75\n"


def log_of(path: Path, data: bytes | str) -> ForeignLog:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (log,) = read_foreign(path)
    return log


def losses(log: ForeignLog) -> list[float]:
    return [row.values["train/loss"] for row in log.rows if "train/loss" in row.values]


def complaint(path: Path, data: bytes | str | None = None, **mapping: str) -> UserError:
    if data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(UserError) as caught:
        read_foreign(path, mapping or None)
    assert caught.value.exit_code == 2
    assert path.name in caught.value.message
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    assert losses(log_of(tmp_path / "log.csv", CSV.encode(encoding))) == [0.5, 0.25]
    assert losses(log_of(tmp_path / "other", '{"step": 1, "loss": 0.5}\n'.encode(encoding) * 3)) == [0.5] * 3
    state = json.dumps({"log_history": [{"step": 1, "loss": 0.5}]}, indent=1)
    assert losses(log_of(tmp_path / "third", state.encode(encoding))) == [0.5]


@pytest.mark.parametrize(
    "data",
    [
        b"step,loss,gr\xf6\xdfe\n1,0.5,2\n2,0.25,3\n",
        b"step,loss,x\r\n1,0.5,2\r\n2,0.25,3\r\n",
        b"\x00\x00\x00step,loss,x\n1,0.5,2\n\x00\x00\x00\x002,0.25,3\n\x00\x00",
        b"step,loss,x\n1,0.5,2\n\xff\xfe\x00\x01garbage\x80\n2,0.25,3\n",
        b"step,loss,x\n1,0.5,2\n2,0.25,3\n3,0.12",
        b'\xef\xbb\xbf# saved by hand\nstep,loss,x\n1,0.5,2\n\n2,0.25,3\n"unclosed,1\n',
        b"step,loss,step\n1,0.5,1\n2,0.25,2\n",
        b'{"step": 1, "loss": 9, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n{"step": 3, "lo',
    ],
)
def test_what_is_whole_is_read(tmp_path: Path, data: bytes) -> None:
    assert losses(log_of(tmp_path / "log", data)) == [0.5, 0.25]


def test_what_was_skipped_is_said(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", "step,loss\n1,0.5\nnonsense\n2,0.25\n3\n")
    assert log.notes == ("2 lines are not CSV and were skipped",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "is empty"),
        ("\n \n\t\n", "blank lines"),
        ("Dear diary,\ntoday I trained a network.\n", "Dear diary"),
        (bytes(range(256)) * 50, "binary data"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(1000), "binary data"),
        ("name,age\nAda,36\nBob,40\n", "no column of it is known"),
        ('{"name": "Ada", "age": 36}\n{"name": "Bob", "age": 40}\n' * 3, "no column of it is known"),
        ('{"step": 1}\n{"step": 2}\n', "holds no rows of a training"),
        ('{\n "log_history": [\n  {"step": 1, "loss": 0.5},\n', "damaged or cut off"),
        ('{\n "lr": 0.5,\n "layers": [1]\n', "damaged or cut off"),
        ('{\n "model": {"layers": "3"},\n "name": "x"\n}\n', "no log of a training"),
        ("[1, 2, 3]", "no rows of a training"),
        ("[" * 200_000, "damaged or cut off"),
        ('{"a":' * 200_000, "damaged or cut off"),
        ('{"log_history": []}', "holds no rows of a training"),
        ('{"log_history": [3, null, "x", {"step": {"a": {"b": {}}}}]}', "holds no rows of a training"),
    ],
    ids=str.split(
        "empty blank diary bytes png people people-json steps-only cut-state cut-json config list "
        "nested-lists nested-objects no-history odd-history"
    ),
)
def test_what_is_no_log_is_refused_with_what_was_found(tmp_path: Path, data: bytes | str, says: str) -> None:
    error = complaint(tmp_path / "thing", data)
    assert says in error.message
    assert "\x1b" not in str(error)


def test_an_unknown_format_lists_what_was_tried_and_how_to_map_columns(tmp_path: Path) -> None:
    error = complaint(tmp_path / "thing", "what is this\nnobody knows\n")
    for word in ("trainer_state.json", "CSV", "TensorBoard", "Megatron-LM", "--map train/loss=COLUMN"):
        assert word in error.hint
    error = complaint(tmp_path / "table.csv", "n,a\x1b[31m,b\n1,2,3\n")
    assert "n" in error.hint
    assert "--map train/loss=COLUMN" in error.hint
    assert "\x1b" not in error.hint


def test_a_mapping_to_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    error = complaint(tmp_path / "log.csv", "n,mine\n1,0.5\n2,0.25\n", **{"train/loss": "yours"})
    assert "no column 'yours'" in error.message
    assert "mine, n" in error.hint
    (log,) = read_foreign(tmp_path / "log.csv", {"train/loss": "mine", "step": "n"})
    assert losses(log) == [0.5, 0.25]


def test_ten_thousand_columns_are_read_up_to_a_limit(tmp_path: Path) -> None:
    names = ["step", "loss", *(f"x{n}" for n in range(10_000))]
    row = ",".join(["1", "0.5", *["0"] * 10_000])
    log = log_of(tmp_path / "wide.csv", f"{','.join(names)}\n{row}\n{row}\n")
    assert losses(log) == [0.5, 0.5]
    wide = json.dumps(dict.fromkeys(names, 0.5))
    assert losses(log_of(tmp_path / "wide.jsonl", f"{wide}\n")) == [0.5]


def test_a_log_with_ever_new_names_is_read_without_a_column_for_each(tmp_path: Path) -> None:
    lines = "".join(f'{{"step": {n}, "loss": 0.5, "k{n}": {n}}}\n' for n in range(2000))
    log = log_of(tmp_path / "log.jsonl", lines)
    assert losses(log) == [0.5] * 2000
    assert len({name for row in log.rows for name in row.values}) <= 512


def test_a_line_beyond_all_measure_is_skipped_and_said(tmp_path: Path) -> None:
    data = b"step,loss\n1,0.5\n" + b"x" * (LONGEST_LINE + 3_000_000) + b"\n2,0.25\n"
    log = log_of(tmp_path / "log.csv", data)
    assert losses(log) == [0.5, 0.25]
    assert log.notes == ("1 line longer than 8 MiB was skipped",)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in complaint(tmp_path / "pipe").message
    (tmp_path / "link").symlink_to("link")
    assert "symbolic links" in complaint(tmp_path / "link").message
    (tmp_path / "dangling").symlink_to("nowhere")
    assert "No such file" in complaint(tmp_path / "dangling").message
    assert "no such file" in complaint(tmp_path / "absent").message
    with pytest.raises(UserError, match="not a regular file"):
        read_foreign(Path("/dev/zero"))


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_text(CSV)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: another user asks
        code = (
            "import os, sys; from pathlib import Path; from guardrun.errors import UserError\n"
            "from guardrun.reading.foreign import read_foreign\n"
            "os.setuid(65534)\n"
            "try: read_foreign(Path('secret.csv'))\n"
            "except UserError as error: print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.stdout == "secret.csv cannot be read: Permission denied\n", done.stderr
    else:
        assert "Permission denied" in complaint(path).message


def test_a_folder_with_all_kinds_of_things_in_it_gives_its_logs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(CSV)
    (tmp_path / "a/loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/noise.bin").write_bytes(os.urandom(100_000))
    (tmp_path / "a/data.csv").write_text("height,weight\n180,80\n170,70\n")
    (tmp_path / "b/empty.log").touch()
    (tmp_path / "b/notes.txt").write_text("remember the milk\n")
    (tmp_path / "b/cut.json").write_text('{\n "log_history": [\n')
    logs = read_foreign(tmp_path)
    assert [log.name for log in logs] == ["a", "b"]
    assert any("cut.json" in note and "cut off" in note for note in logs[0].notes)


def test_a_folder_without_logs_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk\n")
    assert "holds no log" in complaint(tmp_path).message


def test_a_data_set_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with open(path, "wb") as file:
        file.write(b'{"text": "a long story", "label": 3}\n' * 100_000)
        file.truncate(10**10)
    assert "no column of it is known" in complaint(path).message


def test_memory_stays_small_however_long_the_log_is(tmp_path: Path) -> None:
    """More rows than are kept, and a line of 200 MB, in a process that grows by 180 MB at most."""
    path = tmp_path / "long.csv"
    with open(path, "wb") as file:
        file.write(b"step,loss,lr,grad_norm\n")
        for start in range(0, 300_000, 20_000):
            file.write(b"".join(b"%d,0.51234,0.001,1.25\n" % n for n in range(start, start + 20_000)))
        for _ in range(20):
            file.write(b"y" * 10_000_000)
        file.write(b"\n300000,0.5,0.001,1.25\n")
    code = """
import resource, sys
from pathlib import Path
from guardrun.reading.foreign import event_lines, read_foreign
import orjson
room = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 180 * 1024
(log,) = read_foreign(Path(sys.argv[1]))
assert log.notes == ("1 line longer than 8 MiB was skipped",), log.notes
assert sum(1 for _ in event_lines(log)) > 300_000
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert used < room, (used, room)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_header_without_rows_is_told_from_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it holds one line and no more, “epoch,loss,val_loss”"):
        log_of(tmp_path / "log", "epoch,loss,val_loss\n")


def test_json_lines_may_begin_with_a_line_too_long_to_read(tmp_path: Path) -> None:
    long = '{"step": 0, "loss": 1, "config": "' + "a" * (9 * 2**20) + '"}\n'
    log = log_of(tmp_path / "log", long + '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    assert losses(log) == [0.5, 0.25]
    assert log.notes == ("1 line longer than 8 MiB was skipped",)
