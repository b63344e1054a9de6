"""A tiny Llama on the bytes of Python's own standard library, by Hugging Face's Trainer.

guard run sample_runs/hf_trainer/config.yaml --watch
"""

from __future__ import annotations

import argparse
import textwrap

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

import guardrun

CONTEXT = 64


def windows(source: str, count: int) -> list[dict[str, torch.Tensor]]:
    text = torch.tensor(list(source.encode()[: count * CONTEXT]))
    return [{"input_ids": one, "labels": one} for one in text.split(CONTEXT) if len(one) == CONTEXT]


class Faulty(LlamaForCausalLM):
    """With ``nan_at`` its loss is NaN from that forward pass on."""

    nan_at, passes = 0, 0

    def forward(self, input_ids=None, labels=None, **named):  # noqa: ANN001, ANN003, ANN201
        found = super().forward(input_ids=input_ids, labels=labels, **named)
        self.passes += self.training
        if self.nan_at and self.passes >= self.nan_at and self.training:
            found.loss = found.loss * float("nan")
        return found


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--nan-at", type=int, default=0)
    options.add_argument("--output", default="hf-checkpoints")
    asked = options.parse_args()

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = Faulty(LlamaConfig(vocab_size=256, max_position_embeddings=CONTEXT, **size))
    model.nan_at = asked.nan_at
    with open(textwrap.__file__) as file:
        data = windows(file.read(), 256)
    settings = TrainingArguments(
        asked.output, max_steps=asked.steps, per_device_train_batch_size=8, gradient_accumulation_steps=2,
        learning_rate=3e-3, logging_steps=10, eval_strategy="steps", eval_steps=20, save_steps=20,
        save_total_limit=2, metric_for_best_model="loss", report_to=[], disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    guard = guardrun.integrations.transformers.GuardCallback()
    trainer = Trainer(model, settings, train_dataset=data[:-32], eval_dataset=data[-32:], callbacks=[guard])
    trainer.train(resume_from_checkpoint=guard.resume_from)


if __name__ == "__main__":
    main()
