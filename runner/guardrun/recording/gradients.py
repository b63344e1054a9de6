"""The gradient norm of every optimizer step: reused from the script's own clipping, else computed.

A NaN or an infinity in any gradient makes the L2 norm NaN or infinite, so the norm is the NaN watch too.
It is read before clipping. In mixed precision it is the norm of unscaled gradients: GradScaler unscales
before it calls the optimizer, or leaves the scale on the optimizer as ``grad_scale`` (fused ones).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def total_norm(gradients: list[Any]) -> Any:
    """L2 norm of all gradients together as a 0-d tensor on the first one's device, accumulated in float32.

    One fused kernel per device and type; float64 gradients keep their precision. None when there are none.
    """
    torch = sys.modules["torch"]
    dense = [g._values() if g.is_sparse else g for g in gradients]
    dense = [g for g in dense if g.numel()]
    if not dense:
        return None
    groups: dict[Any, list[Any]] = {}
    for gradient in dense:
        groups.setdefault((gradient.device, gradient.dtype), []).append(gradient)
    device = dense[0].device
    norms: list[Any] = []
    for (_, kind), members in groups.items():
        wide = None if kind in (torch.float32, torch.float64) else torch.float32
        found = torch._foreach_norm(members, 2, dtype=wide) if wide else torch._foreach_norm(members, 2)
        norms += [norm.to(device) for norm in found]
    kind = torch.float64 if any(norm.dtype is torch.float64 for norm in norms) else torch.float32
    return torch.linalg.vector_norm(torch.stack([norm.to(kind) for norm in norms]), 2)


def _norm_of_usual(gradients: list[Any]) -> Any:
    """The same for dense gradients on one device and of no more than float32: three calls of torch.

    Raises RuntimeError for any other kind.
    """
    if not gradients:
        return None
    torch = sys.modules["torch"]
    norms = torch._foreach_norm(gradients, 2, dtype=torch.float32)
    return torch.linalg.vector_norm(torch.stack(norms))


class GradientWatch:
    """Follows tracked optimizers. ``take`` gives the newest step's norm, once.

    ``wanted`` is asked before a norm is computed; ``stepped`` is told after each optimizer step.
    """

    def __init__(self, wanted: Callable[[], bool], stepped: Callable[[], None]) -> None:
        self._wanted = wanted
        self._stepped = stepped
        self._hooks: list[Any] = []
        self._optimizers: list[Any] = []
        self._norms: dict[int, Any] = {}
        self._clipped: dict[int, Any] = {}
        self._original: Any = None
        self._wrapper: Any = None
        self._usual = True
        """No gradient has been of a kind that takes a closer look."""
        self.steps = 0
        """Steps that tracked optimizers have done."""

    def watch(self, optimizer: Any) -> bool:
        """Follow an optimizer; False when it is none whose steps can be seen."""
        before = getattr(optimizer, "register_step_pre_hook", None)
        after = getattr(optimizer, "register_step_post_hook", None)
        if before is None or after is None or any(one is optimizer for one in self._optimizers):
            return False
        self._optimizers.append(optimizer)
        self._hooks += [before(self._before_step), after(self._after_step)]
        self._listen_to_clipping()
        return True

    def take(self) -> Any:
        """The L2 norm over all tracked optimizers in their last step (a 0-d tensor), or None."""
        if not self._norms:
            return None
        norms, self._norms = list(self._norms.values()), {}
        if len(norms) == 1:
            return norms[0]
        torch = sys.modules["torch"]
        device = norms[0].device
        return torch.linalg.vector_norm(torch.stack([norm.to(device, torch.float32) for norm in norms]), 2)

    @property
    def fresh(self) -> bool:
        return bool(self._norms)

    def learning_rate(self) -> Any:
        """Of the first tracked optimizer's first group; None when there is none."""
        for optimizer in self._optimizers:
            return optimizer.param_groups[0].get("lr")
        return None

    def close(self) -> None:
        """Take every hook away again."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._optimizers = [], []
        module = _clip_module()
        if self._wrapper is not None and module is not None:
            if module._get_total_norm is self._wrapper:
                module._get_total_norm = self._original
            self._wrapper = None

    # -- hooks

    def _before_step(self, optimizer: Any, *_: Any) -> None:
        try:
            clipped = self._clipped.pop(id(optimizer), None)
            if clipped is None:
                if not self._wanted():
                    return
                clipped = self._norm(_gradients(optimizer))
            scale = getattr(optimizer, "grad_scale", None)
            if scale is not None and clipped is not None and getattr(scale, "is_cuda", None) is not None:
                clipped = clipped / scale.to(clipped.device)
            if clipped is not None:
                self._norms[id(optimizer)] = clipped
        except Exception:  # a gradient of a kind unknown to us: the step itself goes on
            self._norms.pop(id(optimizer), None)

    def _norm(self, gradients: list[Any]) -> Any:
        if self._usual:
            try:
                norm = _norm_of_usual(gradients)
            except RuntimeError:
                self._usual = False
            else:  # a graph behind the gradients is rare; no_grad() would cost every step
                return norm.detach() if norm is not None and norm.requires_grad else norm
        with sys.modules["torch"].no_grad():
            return total_norm(gradients)

    def _after_step(self, *_: Any) -> None:
        self.steps += 1
        self._stepped()

    def _listen_to_clipping(self) -> None:
        """Hear the norm that clip_grad_norm_ computes anyway, whichever way the script imported it.

        It is found by a function of torch's clipping module that takes the gradients; where a torch has no
        such function the norm is computed before the optimizer's step.
        """
        module = _clip_module()
        if self._wrapper is not None or module is None:
            return
        original = module._get_total_norm

        def _get_total_norm(tensors: Any, norm_type: float = 2.0, *rest: Any, **named: Any) -> Any:
            norm = original(tensors, norm_type, *rest, **named)
            if norm_type == 2.0:
                self._hear(tensors, norm)
            return norm

        self._original, self._wrapper = original, _get_total_norm
        module._get_total_norm = _get_total_norm

    def _hear(self, tensors: Any, norm: Any) -> None:
        """Keep the norm if these are the gradients of a tracked optimizer, all of them."""
        try:
            for optimizer in self._optimizers:
                gradients = _gradients(optimizer)
                same = len(gradients) == len(tensors) and (
                    gradients[0] is tensors[0] or any(one is tensors[0] for one in gradients)
                )
                if same:
                    narrow = norm.dtype.itemsize < 4  # may overflow where the gradients do not
                    self._clipped[id(optimizer)] = total_norm(gradients) if narrow else norm.detach()
        except Exception:
            self._clipped = {}


def _gradients(optimizer: Any) -> list[Any]:
    return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


def _clip_module() -> Any:
    module = sys.modules.get("torch.nn.utils.clip_grad")
    return module if hasattr(module, "_get_total_norm") else None
