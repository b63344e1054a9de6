"""What is recorded of the machine and the software, and what never is."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from guardrun.provenance.environment import environment, gpus, scheduler, variables
from guardrun.provenance.interpreter import interpreter_facts, packages, torch_build


def test_the_environment_tells_machine_and_software_as_json() -> None:
    facts = environment()
    json.dumps(facts, allow_nan=False)
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["packages"]["numpy"] == numpy.__version__
    assert facts["cpu"]["logical"] == os.cpu_count()
    assert facts["memory_bytes"] > 2**28
    assert facts["host"]
    assert facts["os"]
    assert facts["guardrun"]


def test_packages_have_the_versions_that_importlib_tells() -> None:
    found = packages()
    assert len(found) > 20
    assert found == {name: importlib.metadata.version(name) for name in found}


def test_packages_are_read_from_the_head_of_their_metadata_and_eggs_and_ruins_are_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, text in {
        "one.dist-info/METADATA": "Metadata-Version: 2.4\nName: One_Pack.age\nversion:  1.0 \n\nVersion: 9\n",
        "egg.egg-info/PKG-INFO": "Metadata-Version: 1.1\nName: egg\nVersion: 2.0\n",
        "ruin.dist-info/METADATA": "Metadata-Version: 2.4\nName: ruin\n\nVersion: 9\n",
        "bare.dist-info/RECORD": "",
    }.items():
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert packages() == {"egg": "2.0", "one-pack-age": "1.0"}


def test_versions_of_torch_are_read_without_importing_it() -> None:
    code = (
        "import sys, json\nfrom guardrun.provenance.environment import environment\n"
        "print(json.dumps(environment()['torch']))\nprint('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    build, imported = done.stdout.splitlines()
    assert imported == "False False"
    assert json.loads(build) == torch_build(interpreter_facts()["packages"])
    assert json.loads(build)["version"]


def test_without_torch_there_is_no_torch() -> None:
    assert torch_build({"numpy": "2"}) is None


SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s1", "HF_TOKEN": "s2", "WANDB_API_KEY": "s3", "NCCL_AUTH_TOKEN": "s4",
    "DATABASE_URL": "postgres://u:s5@h", "MY_PASSWORD": "s6", "GLOO_SECRET": "s7", "HOME": "/home/s8",
}  # fmt: skip


def test_secrets_are_never_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("NCCL_DEBUG", "INFO")

    recorded = environment()

    assert recorded["variables"]["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert recorded["variables"]["NCCL_DEBUG"] == "INFO"
    assert not set(SECRETS) & set(recorded["variables"])
    text = json.dumps(recorded)
    assert [
        value for value in SECRETS.values() if f'"{value}"' in text or (value[:6] in text and len(value) > 5)
    ] == []


def test_only_listed_variables_pass() -> None:
    assert variables({"SOMETHING": "1", "OMP_NUM_THREADS": "4"}) == {"OMP_NUM_THREADS": "4"}
    assert len(variables({"PYTHONPATH": "x" * 10**6})["PYTHONPATH"]) < 10_000


def test_a_schedulers_job_is_named() -> None:
    assert scheduler({}) is None
    found = scheduler({"SLURM_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "3"})
    assert found == {"name": "slurm", "SLURM_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "3"}


def test_a_machine_without_gpu_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    def fail() -> None:
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    found = gpus()
    assert found["gpus"] == []
    assert found["gpu_note"].startswith("no NVIDIA GPU: ")


def test_gpus_are_listed_by_name_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    class Memory:
        total = 80 * 2**30

    fakes = {
        "nvmlInit": lambda: None, "nvmlShutdown": lambda: None, "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index, "nvmlDeviceGetName": lambda handle: b"NVIDIA H100",
        "nvmlDeviceGetMemoryInfo": lambda handle: Memory, "nvmlDeviceGetUUID": lambda handle: "GPU-1",
        "nvmlSystemGetDriverVersion": lambda: "550.1",
    }  # fmt: skip
    for name, fake in fakes.items():
        monkeypatch.setattr(pynvml, name, fake)
    assert gpus() == {
        "gpus": [{"name": "NVIDIA H100", "memory_bytes": 80 * 2**30, "uuid": "GPU-1"}],
        "nvidia_driver": "550.1", "gpu_note": "",
    }  # fmt: skip


def test_another_interpreter_is_asked_for_its_own_packages(tmp_path: Path) -> None:
    """``python:`` of a configuration may be another virtual environment, with other versions."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)

    facts = environment(str(tmp_path / "env/bin/python"))

    assert facts["executable"] == str(tmp_path / "env/bin/python")
    assert facts["packages"] == {}
    assert facts["notes"] == []


def test_an_interpreter_that_does_not_answer_is_noted(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho no json\n")
    fake.chmod(0o755)

    facts = environment(str(fake))

    assert facts["packages"] == {}
    assert "unknown" in facts["notes"][0]
