"""Train a small byte-level transformer on the sources of Python's own standard library.

guard run sample_runs/bytes/config.yaml --watch
"""

from __future__ import annotations

import math
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import guardrun

DEFAULTS = {
    "seed": 7, "lr": 2e-3, "steps": 1500, "warmup": 100, "clip": 1.0, "evaluate_every": 50,
    "batch_size": 16, "context": 96, "width": 96, "layers": 3, "heads": 4,
}  # fmt: skip


def load_text(limit: int = 2_000_000) -> torch.Tensor:
    """The first bytes of the standard library's modules, in the order of their names."""
    sources = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return torch.frombuffer(bytearray(b"".join(f.read_bytes() for f in sources)[:limit]), dtype=torch.uint8)


class ByteTransformer(nn.Module):
    """Pre-norm decoder with learned positions; 256 symbols, one a byte."""

    def __init__(self, width: int, layers: int, heads: int, context: int) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.symbols = nn.Embedding(256, width)
        nn.init.normal_(self.symbols.weight, std=0.02)
        self.positions = nn.Parameter(torch.zeros(context, width))
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.register_buffer(
            "mask", nn.Transformer.generate_square_subsequent_mask(context), persistent=False
        )

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        n = text.shape[1]
        hidden = self.blocks(self.symbols(text) + self.positions[:n], self.mask[:n, :n], is_causal=True)
        return hidden @ self.symbols.weight.T


def batches(text: torch.Tensor, count: int, batch_size: int, context: int) -> Iterator[torch.Tensor]:
    """``count`` random excerpts as (batch_size, context + 1) tensors of bytes."""
    for _ in range(count):
        starts = torch.randint(len(text) - context - 1, (batch_size, 1))
        yield text[starts + torch.arange(context + 1)].long()


def loss_of(model: nn.Module, excerpt: torch.Tensor) -> torch.Tensor:
    """Cross entropy of every next byte, in nats."""
    return F.cross_entropy(model(excerpt[:, :-1]).flatten(0, 1), excerpt[:, 1:].flatten())


@torch.no_grad()
def evaluate(model: nn.Module, text: torch.Tensor, context: int) -> float:
    """Mean loss over a fixed, evenly spaced part of the validation text."""
    starts = torch.linspace(0, len(text) - context - 1, 64).long()[:, None]
    return loss_of(model, text[starts + torch.arange(context + 1)].long()).item()


def main() -> None:
    torch.set_num_threads(1)  # more cores help so small a network little, and wait for each other when busy
    with guardrun.start(name="bytes", config=DEFAULTS) as run:
        p = run.params
        run.seed()
        text = load_text()
        train = run.data("train", text[: int(0.9 * len(text))])
        val = run.data("val", text[int(0.9 * len(text)) :])
        model = ByteTransformer(p.width, p.layers, p.heads, p.context)
        optimizer = torch.optim.AdamW(model.parameters(), lr=p.lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(  # warm-up and cosine decay
            optimizer, p.lr, p.steps, pct_start=min(0.5, p.warmup / p.steps)
        )
        run.track(model=model, optimizer=optimizer, scheduler=schedule)

        for _ in run.epochs(1):
            excerpts = batches(train, p.steps, p.batch_size, p.context)
            for excerpt in run.steps(excerpts, total=p.steps, tokens=p.batch_size * p.context):
                loss = loss_of(model, excerpt)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), p.clip)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
                run.log(loss=loss)
                if run.step % p.evaluate_every == 0:
                    val_loss = evaluate(model, val, p.context)
                    run.evaluate({"val/loss": val_loss, "val/bits_per_byte": val_loss / math.log(2)})


if __name__ == "__main__":
    main()
