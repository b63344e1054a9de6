"""Ends because memory was full, by the words in which libraries and kernels say so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.model import Point
from signal_curves import Judged, judge

GIB = 2.0**30
MACHINE = {
    "gpu0/memory_bytes": 79 * GIB, "gpu0/memory_total_bytes": 80 * GIB,
    "memory/used_bytes": 61 * GIB, "memory/total_bytes": 64 * GIB,
}  # fmt: skip


def ended(text: str, *before: Point) -> Judged:
    return judge([*before, Point("end", 120, None, 2000.0, {}, text=text)])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("exception: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has", "gpu"),
        ("RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total", "gpu"),
        ("torch.OutOfMemoryError: Allocation on device 0 would exceed", "gpu"),
        ("RuntimeError: CUDA error: out of memory", "gpu"),
        ("RuntimeError: HIP out of memory. Tried to allocate 4.00 GiB", "gpu"),
        ("RuntimeError: MPS backend out of memory (MPS allocated: 9.00 GB", "gpu"),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "gpu"),
        ("jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying", "gpu"),
        ("tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating", "gpu"),
        ("exception: MemoryError", "host"),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB for an array", "host"),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory",
            "host",
        ),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "host"),
        ("OSError: [Errno 12] Cannot allocate memory", "host"),
        ("SIGKILL\nout of memory: the kernel killed a process of this run's cgroup", "host"),
    ],
)
def test_every_usual_way_to_say_it_is_understood(text, kind):
    (signal,) = ended(text).active
    assert (signal.id, signal.severity, signal.evidence["memory"]) == ("out_of_memory", "warn", kind)
    assert signal.raised_at == 120


@pytest.mark.parametrize(
    "text",
    [
        "completed", "exit code 0", "SIGKILL", "exception: ValueError: bad shape", "stop:cli", "",
        "exit code 1\nepoch 3 memory 2569 MB\nRuntimeError: CUDA error: device-side assert triggered",
        "exception: MyMemoryErrors: none",
    ],
)  # fmt: skip
def test_other_ends_are_none(text):
    assert ended(text).active == ()


def test_what_is_only_probable_is_called_so():
    (signal,) = ended("SIGKILL\nprobably out of memory: the kernel's OOM killer was at work").active
    assert "probably host memory was full" in signal.message
    (signal,) = ended(
        "exit code 1\nRuntimeError: DataLoader worker (pid 7) is killed by signal: Killed."
    ).active
    assert "probably host memory was full" in signal.message


def test_a_host_with_room_left_is_not_called_full():
    """One request for more than there is, or a limit of the process."""
    samples = {**MACHINE, "memory/used_bytes": 3 * GIB}
    (signal,) = ended("exception: MemoryError", Point("system", 100, None, 1000.0, samples)).active
    assert "host memory was refused. The host had been 5% full." in signal.message
    assert "ulimit" in signal.message
    kill = "SIGKILL\nout of memory: the kernel killed a process of this run's cgroup"
    (killed,) = ended(kill, Point("system", 100, None, 1000.0, samples)).active
    assert "host memory was full" in killed.message  # a sample is seconds old when the kernel kills


def test_it_tells_how_full_it_had_been_and_what_to_do_about_it():
    sample = Point("system", 100, None, 1000.0, MACHINE)
    (signal,) = ended("exception: OutOfMemoryError: CUDA out of memory.", sample).active
    assert signal.message == "The training ended at step 120: GPU memory was full. GPU 0 had been 99% full."
    assert "Halve the batch and accumulate over two" in signal.advice
    (signal,) = ended("exception: MemoryError", sample).active
    assert signal.message.endswith("The host had been 95% full.")
    assert "loader workers" in signal.advice


def test_the_line_of_the_error_is_evidence_and_the_first_end_counts():
    judged = ended("exit code 1\nTraceback\nRuntimeError: CUDA out of memory. Tried\nmore")
    judged.feed(Point("end", 120, None, 2001.0, {}, text="exit code 1"))
    (signal,) = judged.active
    assert signal.evidence["error"] == "RuntimeError: CUDA out of memory. Tried"


@given(st.text(), st.text())
def test_it_never_raises(before, after):
    ended(before + after)
    assert ended(f"{before}\nCUDA out of memory\n{after}").active
