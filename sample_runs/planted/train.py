"""Four classes told apart by a small network, with one classic mistake planted on request.

guard check sample_runs/planted/config.yaml                                  sound: passes
guard check sample_runs/planted/config.yaml params.fault=duplicates          a check fails
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import guardrun

DEFAULTS = {"fault": "none", "lr": 1e-2, "epochs": 20, "batch_size": 32, "width": 32}
FAULTS = {
    "none": "nothing is wrong",
    "labels_misaligned": "each example has the label of its neighbour",
    "labels_inverted": "the validation labels are numbered the other way round",
    "label_in_a_feature": "one feature is the label",
    "label_in_an_id": "examples were numbered class by class, and their number is a feature",
    "label_in_the_batch": "the script itself adds the label to the input",
    "frozen_layer": "the optimizer was not given the first layer",
    "validation_on_train": "the validation is measured on training data",
    "normalised_on_everything": "mean and deviation were computed over train and validation together",
    "duplicates": "a quarter of the validation data is training data",
    "softmax_twice": "the network ends in a softmax, and so does the loss",
    "large_weights": "the last layer begins with weights that are a hundred times too large",
    "unseeded": "the order of the data is drawn from a generator that nobody seeded",
}
CLASSES, FEATURES, TRAIN, VAL = 4, 16, 640, 240


def make_examples() -> tuple[torch.Tensor, torch.Tensor]:
    """Points around four centres, each feature with a scale and an offset of its own."""
    draw = torch.Generator().manual_seed(0)
    count = TRAIN + VAL
    labels = torch.randint(CLASSES, (count,), generator=draw)
    centres = 1.5 * torch.randn(CLASSES, FEATURES, generator=draw)
    points = centres[labels] + torch.randn(count, FEATURES, generator=draw)
    scale = torch.rand(FEATURES, generator=draw) * 9 + 1
    return points * scale + 5 * torch.randn(FEATURES, generator=draw), labels


def load_splits(fault: str) -> tuple[TensorDataset, TensorDataset]:
    """Train and validation data, standardised by train."""
    x, y = make_examples()
    if fault == "label_in_an_id":
        number = torch.empty(len(y))
        number[y.argsort()] = torch.arange(len(y), dtype=torch.float32)
        x = torch.cat([x, number[:, None]], 1)
    if fault == "label_in_a_feature":
        x = torch.cat([x, y[:, None].float()], 1)
    fitted_on = x if fault == "normalised_on_everything" else x[:TRAIN]
    x = (x - fitted_on.mean(0)) / fitted_on.std(0)
    if fault == "labels_misaligned":
        y = y.roll(1)
    train_x, train_y, val_x, val_y = x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]
    if fault == "labels_inverted":
        val_y = CLASSES - 1 - val_y
    if fault == "duplicates":
        val_x, val_y = torch.cat([val_x, train_x[: VAL // 3]]), torch.cat([val_y, train_y[: VAL // 3]])
    return TensorDataset(train_x, train_y), TensorDataset(val_x, val_y)


def make_model(features: int, width: int, fault: str) -> nn.Sequential:
    """One hidden layer."""
    model = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, CLASSES))
    if fault == "softmax_twice":
        model.append(nn.Softmax(1))
    if fault == "large_weights":
        with torch.no_grad():
            model[-1].weight.mul_(100)
    return model


def with_labels(x: torch.Tensor, y: torch.Tensor, fault: str) -> torch.Tensor:
    """The input of the network."""
    return torch.cat([x, F.one_hot(y, CLASSES)], 1) if fault == "label_in_the_batch" else x


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorDataset, fault: str) -> dict[str, float]:
    """Mean loss and accuracy over a whole split."""
    x, y = data.tensors
    logits = model(with_labels(x, y, fault))
    accuracy = (logits.argmax(1) == y).float().mean().item()
    return {"val/loss": F.cross_entropy(logits, y).item(), "val/accuracy": accuracy}


def main() -> None:
    torch.set_num_threads(1)
    with guardrun.start(name="planted", config=DEFAULTS) as run:
        p = run.params
        if p.fault not in FAULTS:
            raise SystemExit(f"params.fault is one of {', '.join(FAULTS)}")
        if p.fault != "unseeded":
            run.seed(3)
        train, val = load_splits(p.fault)
        train, val = run.data("train", train), run.data("val", val)
        order = {} if p.fault == "unseeded" else run.loader_kwargs()
        loader = DataLoader(train, batch_size=p.batch_size, shuffle=True, **order)
        x, y = train[:2]
        model = make_model(with_labels(x, y, p.fault).shape[1], p.width, p.fault)
        trained = model[2:] if p.fault == "frozen_layer" else model
        optimizer = torch.optim.Adam(trained.parameters(), lr=p.lr)
        run.track(model=model, optimizer=optimizer)

        for _ in run.epochs(p.epochs):
            for x, y in run.steps(loader):
                loss = F.cross_entropy(model(with_labels(x, y, p.fault)), y)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                run.log(loss=loss)
            run.evaluate(evaluate(model, train if p.fault == "validation_on_train" else val, p.fault))


if __name__ == "__main__":
    main()
