"""The machine and the software that a run uses, as far as they explain its results."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from typing import Any

from guardrun import __version__
from guardrun.provenance import interpreter
from guardrun.provenance.host import boot_id, host_name
from guardrun.provenance.secrets import without_secrets

VARIABLES = frozenset((
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
    "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "TORCH_NUM_THREADS", "TORCHDYNAMO_DISABLE",
    "TORCH_DISTRIBUTED_DEBUG", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "XLA_FLAGS", "JAX_PLATFORMS",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "PYTHONHASHSEED", "PYTHONPATH", "PYTHONOPTIMIZE", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "CONDA_PREFIX",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "LANG", "LC_ALL", "TZ", "HF_HOME", "HF_DATASETS_OFFLINE", "TORCH_HOME",
    "MASTER_ADDR", "MASTER_PORT", "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE",
))  # fmt: skip
"""Environment variables that are recorded: those that change what a training computes or where it runs."""

_PREFIXES = ("NCCL_", "GLOO_")
_SECRET = re.compile(
    r"key|token|secret|passw|pwd|credential|auth|cookie|session|private|signature|dsn", re.IGNORECASE
)
_MAX_VALUE = 2000

SCHEDULER = {
    "SLURM_JOB_ID": "slurm", "SLURM_ARRAY_JOB_ID": "slurm", "SLURM_ARRAY_TASK_ID": "slurm",
    "SLURM_JOB_PARTITION": "slurm", "SLURM_NODEID": "slurm", "SLURM_RESTART_COUNT": "slurm",
    "PBS_JOBID": "pbs", "LSB_JOBID": "lsf", "JOB_ID": "sge", "FLUX_JOB_ID": "flux", "COBALT_JOBID": "cobalt",
}  # fmt: skip
"""Variables that name a scheduler's job -> the scheduler."""

_PROBE_S = 20


def environment(python: str = sys.executable) -> dict[str, Any]:
    """Host, hardware, interpreter ``python`` with its packages, GPUs, job ids, variables. Never raises.

    Keys with nothing to say are None or empty; ``notes`` says why something could not be found out.
    """
    notes: list[str] = []
    facts: dict[str, Any] = {
        "guardrun": __version__,
        "host": host_name(),
        "boot_id": boot_id(),
        "os": _os_name(),
        "cpu": {"model": _cpu_model(), "logical": os.cpu_count(), "usable": _usable_cpus()},
        "memory_bytes": _memory_bytes(),
        **_interpreter(python, notes),
        **gpus(),
        "container": container(),
        "scheduler": scheduler(os.environ),
        "variables": variables(os.environ),
        "notes": notes,
    }
    return facts


def variables(environ: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """The allowed variables of ``environ``; a name that smells of a secret never passes, listed or not."""
    return {
        name: without_secrets(value)[:_MAX_VALUE]
        for name, value in sorted(environ.items())
        if (name in VARIABLES or name.startswith(_PREFIXES)) and not _SECRET.search(name)
    }


def scheduler(environ: os._Environ[str] | dict[str, str]) -> dict[str, str] | None:
    """``{"name": "slurm", "SLURM_JOB_ID": "123", …}`` inside a scheduler's job, else None."""
    found = {name: environ[name][:200] for name in SCHEDULER if name in environ}
    if not found:
        return None
    return {"name": SCHEDULER[next(iter(found))], **found}


def container() -> dict[str, str] | None:
    """The kind of container this process is in, and its id where the host tells."""
    kind = ""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        kind = "kubernetes"
    elif os.path.exists("/.dockerenv"):
        kind = "docker"
    elif os.path.exists("/run/.containerenv"):
        kind = "podman"
    elif os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER"):
        kind = "apptainer"
    found = re.search(r"[/-]([0-9a-f]{64})\b", _read("/proc/self/cgroup") + _read("/proc/self/mountinfo"))
    if not kind and not found:
        return None
    return {"kind": kind or "container", "id": found[1] if found and kind != "apptainer" else ""}


def gpus() -> dict[str, Any]:
    """``gpus`` (name, memory, uuid), ``nvidia_driver``, and a ``gpu_note`` that says why there are none."""
    nothing: dict[str, Any] = {"gpus": [], "nvidia_driver": None}
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # the driver is missing or broken, in one of many ways
        return {**nothing, "gpu_note": f"no NVIDIA GPU: {error}"}
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            found.append({
                "name": _text(pynvml.nvmlDeviceGetName(handle)),
                "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                "uuid": _text(pynvml.nvmlDeviceGetUUID(handle)),
            })  # fmt: skip
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
    except Exception as error:
        return {**nothing, "gpu_note": f"no NVIDIA GPU facts: {error}"}
    finally:
        try:
            pynvml.nvmlShutdown()
        except Exception:
            pass
    note = "" if found else "no NVIDIA GPU: the driver reports none"
    return {"gpus": found, "nvidia_driver": driver, "gpu_note": note}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _interpreter(python: str, notes: list[str]) -> dict[str, Any]:
    """Facts of the training's interpreter: our own directly, another one by asking it."""
    if os.path.realpath(python) == os.path.realpath(sys.executable) and _same_prefix(python):
        return interpreter.interpreter_facts()
    try:
        done = subprocess.run(
            [python, "-E", interpreter.__file__],
            capture_output=True, timeout=_PROBE_S, stdin=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        notes.append(f"packages of {python} are unknown: {type(error).__name__}")
        return {"python": None, "implementation": None, "executable": python, "packages": {}, "torch": None}
    return facts if isinstance(facts, dict) else {}


def _same_prefix(python: str) -> bool:
    """Two virtual environments may link to one binary: the folder tells them apart."""
    return os.path.abspath(os.path.dirname(python)) == os.path.abspath(os.path.dirname(sys.executable))


def _os_name() -> str:
    try:
        pretty = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        pretty = ""
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{pretty} ({kernel})" if pretty else kernel


def _cpu_model() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo", 8192), re.M)
    return match[1].strip() if match else platform.processor()


def _usable_cpus() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _memory_bytes() -> int | None:
    match = re.search(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), re.M)
    if match:
        return int(match[1]) * 1024
    try:
        import psutil

        return int(psutil.virtual_memory().total)
    except Exception:
        return None


def _read(path: str, limit: int = 65536) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(limit)
    except OSError:
        return ""
