"""One module a tool that logs text for people."""

from __future__ import annotations

from guardrun.reading.foreign.dialects.base import Dialect
from guardrun.reading.foreign.dialects.deepspeed import DeepSpeed
from guardrun.reading.foreign.dialects.fairseq import Fairseq
from guardrun.reading.foreign.dialects.megatron import Megatron
from guardrun.reading.foreign.dialects.modded_nanogpt import ModdedNanoGpt
from guardrun.reading.foreign.dialects.nanogpt import NanoGpt
from guardrun.reading.foreign.dialects.pytorch_examples import PyTorchExamples

__all__ = ["DIALECTS", "Dialect"]

DIALECTS: tuple[type[Dialect], ...] = (
    ModdedNanoGpt,
    Megatron,
    NanoGpt,
    Fairseq,
    PyTorchExamples,
    DeepSpeed,
)
"""The most particular lines first."""
