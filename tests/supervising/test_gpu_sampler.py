"""GPU numbers through the real nvidia-ml-py, over a stand-in for NVIDIA's library where there is no GPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guardrun.supervising.samplers import gpu
from guardrun.supervising.samplers.gpu import GpuSampler

SAMPLE = """
import json
from guardrun.supervising.samplers.gpu import GpuSampler
sampler = GpuSampler()
samples = [sampler.sample() for _ in range(3)]
print(json.dumps({"names": sampler.names, "note": sampler.note, "samples": samples}))
sampler.close()
print(json.dumps(sampler.sample()))
"""

CC = shutil.which("gcc") or shutil.which("cc")
needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler to build the stand-in for NVML")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_stand_in.c")
    subprocess.run(
        [str(CC), "-shared", "-fPIC", "-O1", "-o", str(folder / "libnvidia-ml.so.1"), str(source)], check=True
    )
    return folder


def sampled(folder: Path, **env: str):
    answer = subprocess.run(
        [sys.executable, "-c", SAMPLE],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder), **env},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    first, after_close = answer.stdout.splitlines()
    assert json.loads(after_close) == {}
    return json.loads(first)


@needs_compiler
def test_each_gpu_tells_utilisation_memory_power_and_temperature(stand_in):
    told = sampled(stand_in)
    assert told["names"] == ["Stand-in GPU 0", "Stand-in GPU 1"]
    assert told["samples"][0] == {
        "gpu0/utilization": 40.0,
        "gpu0/memory_bytes": 5 * 2.0**30,
        "gpu0/memory_total_bytes": 80 * 2.0**30,
        "gpu0/power_w": 251.5,
        "gpu0/temperature_c": 61.0,
        "gpu1/utilization": 41.0,
        "gpu1/memory_bytes": 6 * 2.0**30,
        "gpu1/memory_total_bytes": 80 * 2.0**30,
        "gpu1/temperature_c": 62.0,
    }
    assert told["note"] == "GPU 1 does not tell its power_w: Not Supported"


@needs_compiler
def test_a_gpu_that_is_lost_later_leaves_the_others_and_raises_nothing(stand_in):
    told = sampled(stand_in, STAND_IN_FAILS_AFTER="1")
    assert "gpu1/utilization" in told["samples"][0]
    assert not any(key.startswith("gpu1/") for key in told["samples"][2])
    assert told["samples"][2]["gpu0/utilization"] == 40.0


def test_without_the_driver_the_note_says_why(monkeypatch):
    import pynvml

    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    sampler = GpuSampler()
    assert sampler.note == "no NVIDIA GPU: NVML library not found"
    assert sampler.sample() == {}
    sampler.close()


def test_without_the_package_the_note_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    sampler = GpuSampler()
    assert sampler.note == "no NVIDIA GPU: the package nvidia-ml-py is missing"
    assert gpu.__doc__
