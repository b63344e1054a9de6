"""GPU numbers through NVML (nvidia-ml-py); a machine without NVIDIA GPUs says so, and nothing here raises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any


class GpuSampler:
    """All NVIDIA GPUs of this host. ``note`` says in plain words why there are no numbers; "" when there are.

    https://docs.nvidia.com/deploy/nvml-api: utilisation in percent over the last sample period, memory in
    bytes, power in milliwatts, temperature in degrees Celsius.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.note = ""
        self._handles: list[Any] = []
        self._nvml: Any = None
        try:
            self._open()
        except Exception as error:
            self.note = f"no NVIDIA GPU: {_plain_reason(error)}"
            self._handles = []

    def _open(self) -> None:
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            name = pynvml.nvmlDeviceGetName(handle)
            self._handles.append(handle)
            self.names.append(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name))
        if not self._handles:
            self.note = "no NVIDIA GPU: the driver lists none"

    def sample(self) -> dict[str, float]:
        """One reading of every GPU; a value that a GPU does not tell (any more) is left out."""
        values: dict[str, float] = {}
        for index, handle in enumerate(self._handles):
            for name, read in self._readings(handle).items():
                try:
                    values[f"gpu{index}/{name}"] = float(read())
                except Exception as error:
                    # A laptop GPU tells no power, a fallen-off GPU nothing: both are facts, not faults.
                    self.note = self.note or f"GPU {index} does not tell its {name}: {_plain_reason(error)}"
        return values

    def _readings(self, handle: Any) -> dict[str, Callable[[], float]]:
        nvml = self._nvml
        return {
            "utilization": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            "memory_bytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used,
            "memory_total_bytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total,
            "power_w": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000.0,
            "temperature_c": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        }

    def close(self) -> None:
        if self._nvml is not None:
            with contextlib.suppress(Exception):
                self._nvml.nvmlShutdown()
            self._nvml = None
            self._handles = []


def _plain_reason(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "the package nvidia-ml-py is missing"
    if type(error).__name__ == "NVMLError_LibraryNotFound":
        return "NVML library not found"
    return str(error) or type(error).__name__
