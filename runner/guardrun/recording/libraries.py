"""Random generators of other libraries: which follow the seed by themselves, which are seeded here, and
which nobody but the script can seed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLLOW: Final = {
    "torchvision": "torch and Python's random", "torchaudio": "torch", "torchio": "torch", "kornia": "torch",
    "torch_audiomentations": "torch", "audiomentations": "Python's random and NumPy",
    "nlpaug": "Python's random and NumPy", "skimage": "NumPy", "sklearn": "NumPy, where random_state is None",
    "augly": "Python's random and NumPy", "timm": "torch, Python's random and NumPy",
}  # fmt: skip
"""Libraries that draw from generators which are seeded anyway -> which."""

_ALONE: Final = {
    "monai": "call monai.utils.set_determinism(run.seed())",
    "nvidia.dali": "give the pipeline its seed: pipeline_def(seed=run.seed())",
    "ffcv": "give each loader its seed: Loader(…, seed=run.seed())",
    "jax": "make the key from the seed: jax.random.key(run.seed())",
    "mxnet": "call mxnet.random.seed(run.seed())",
}  # fmt: skip
"""Libraries with generators of their own -> what the script has to do."""

_ALBUMENTATIONS: Final = "give each pipeline its seed: A.Compose([…], seed=run.seed())"


def _imgaug(module: Any, seed: int) -> None:
    module.random.seed(seed)


def _opencv(module: Any, seed: int) -> None:
    module.setRNGSeed(seed & 0x7FFFFFFF)


def _tensorflow(module: Any, seed: int) -> None:
    module.random.set_seed(seed)


def _cupy(module: Any, seed: int) -> None:
    module.random.seed(seed)


_SEEDED: Final[dict[str, Callable[[Any, int], None]]] = {
    "imgaug": _imgaug, "cv2": _opencv, "tensorflow": _tensorflow, "cupy": _cupy,
}  # fmt: skip


def seed_libraries(seed: int) -> dict[str, str]:
    """Seed what has one global generator; library -> how it comes to its randomness, of those imported."""
    told: dict[str, str] = {}
    for name, how in _FOLLOW.items():
        if name in sys.modules:
            told[name] = f"follows {how}"
    for name, seed_it in _SEEDED.items():
        module = sys.modules.get(name)
        if module is not None:
            try:
                seed_it(module, seed)
                told[name] = "seeded"
            except Exception as error:  # another version's interface
                told[name] = f"not seeded: {type(error).__name__}"
    for name, advice in _ALONE.items():
        if name in sys.modules:
            told[name] = f"not seeded: {advice}"
    albumentations = sys.modules.get("albumentations")
    if albumentations is not None:
        # Since 1.4.19 each pipeline has a generator of its own, which no global seed reaches.
        own = hasattr(getattr(albumentations, "Compose", None), "set_random_seed")
        told["albumentations"] = (
            f"not seeded: {_ALBUMENTATIONS}" if own else "follows Python's random and NumPy"
        )
    return told


def not_seeded(told: dict[str, str]) -> list[str]:
    """``albumentations: give each pipeline …`` of those that the seed does not reach."""
    mark = "not seeded: "
    return [f"{name}: {how.removeprefix(mark)}" for name, how in told.items() if how.startswith(mark)]
