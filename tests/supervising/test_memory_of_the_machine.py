"""How full the memory is, of the group that the kernel holds a run to, and of a GPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from guardrun.supervising.samplers.memory import Memory

GIB = 2**30
HOST = float(psutil.virtual_memory().total)


def group(folder: Path, version: int, limit: str, usage: int = 0, droppable: int = 0) -> None:
    names = ("memory.max", "memory.current", "inactive_file") if version == 2 else (
        "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{usage}\n")
    (folder / "memory.stat").write_text(f"anon 7\n{names[2]} {droppable}\n")


def machine(tmp_path: Path, words: str) -> tuple[Path, Path]:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text(words)
    return tmp_path, tmp_path / "cgroup"


@pytest.mark.parametrize(
    ("version", "words", "root"), [(2, "0::/job/step\n", ""), (1, "4:memory:/job/step\n", "memory")]
)
def test_the_tightest_limit_of_a_group_and_those_above_it_counts_without_what_can_be_dropped(
    tmp_path, version, words, root
):
    proc, cgroups = machine(tmp_path, words)
    small = 64 * 2**20
    group(cgroups / root / "job" / "step", version, "max" if version == 2 else str(2**63 - 4096), 999)
    group(cgroups / root / "job", version, str(small), usage=3 * small // 4, droppable=small // 4)
    assert Memory(proc, cgroups).used_and_total() == (small // 2, small)


@pytest.mark.parametrize("words", ["0::/\n", "0::/job\n", "", "what is this\n", "4:memory:/../../x\n"])
def test_without_a_limit_the_hosts_memory_counts(tmp_path, words):
    proc, cgroups = machine(tmp_path, words)
    group(cgroups / "job", 2, str(2**62))
    used, total = Memory(proc, cgroups).used_and_total()
    assert total == HOST
    assert 0 < used < total
    assert Memory(tmp_path / "absent", cgroups).used_and_total()[1] == HOST


def test_this_machine_tells_something_sensible():
    used, total = Memory().used_and_total()
    assert 0 < used < total <= HOST


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to build the stand-in for NVML")
def test_a_gpu_that_is_nearly_full_is_told_while_the_training_runs(run, tmp_path, monkeypatch):
    """From the driver's library (a stand-in) through nvidia-ml-py, the sampler and the judge."""
    source = Path(__file__).with_name("nvml_stand_in.c")
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}:{os.environ.get('LD_LIBRARY_PATH', '')}")
    monkeypatch.setenv("STAND_IN_USED_GIB", "78")
    run.trainer("steps=150")
    assert run.supervise(sample=0.1).wait(30) == 0
    (signal,) = run.events("signal")
    assert (signal["id"], signal["severity"], signal["action"]) == ("memory_near_limit", "warn", "warn")
    assert signal["message"] == "79 GiB of 80 GiB of the memory of GPU 1 are in use (98.8%)."
