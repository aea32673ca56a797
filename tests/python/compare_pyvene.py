#!/usr/bin/env python3
"""Trains boundless DAS in pyvene and in cprobe on one small model and the same pairs, in the same order, and prints the interchange
accuracy that each reaches on the test pairs. They should differ by less than .03.

usage: compare_pyvene.py CPROBE FOLDER [--epochs N]
needs: pip install pyvene

The model has two layers, because pyvene reads the stream behind a whole layer, and behind the last one nothing is left to compute. Pairs,
batches, loss, learning rates and temperatures are the same; the rotations start at different random ones, and pyvene's is the exponential of
a skew matrix where cprobe's is its Cayley transform. FOLDER keeps the trained model; with it there, two minutes on two cores.
"""
import argparse
import csv
import json
import pathlib
import subprocess

import pyvene
import torch
from transformers import GPT2LMHeadModel, get_linear_schedule_with_warmup

TASK = """
name: two_squares
modulus: 53
operands: [a, b]
tokens: [a, b, 53]
answer: (a^2 - b^2) % p
variables: {var_0: a^2 % p, var_1: -b^2 % p}
counterfactuals: [counter_var_0 var_1 +, var_0 counter_var_1 +]
train_fraction: 0.6
"""
PAIRS, BATCH = 1500, 128


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def cprobe_accuracy(cprobe, folder, epochs):
    spec = folder / "spec.yaml"
    spec.write_text(f"""
model: {folder}/model/final
task: {{train: {folder}/model/data/train.csv, test: {folder}/model/data/test.csv}}
variables: [var_0]
layers: [0]
blocks: [mlp]
protocol: paper
baselines: {{boundless_das: {{train_pairs: {PAIRS}, dev_pairs: 1, epochs: {epochs}, batch_size: {BATCH}}}}}
""")
    lines = run(cprobe, "baseline", spec, "--out", folder / "run", "--overwrite", "--json").splitlines()
    figures = {(line["metric"], line["control"]): line["value"] for line in map(json.loads, lines)}
    return figures["interchange_accuracy", ""], figures["dimension", ""]


def read(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    tokens = [torch.tensor([[int(t) for t in row[c].split()] for row in rows]) for c in ("data", "counterfactual_data")]
    return *tokens, torch.tensor([int(row["CF_Label_0"]) for row in rows])


def pyvene_accuracy(folder, epochs):
    torch.manual_seed(0)
    model = GPT2LMHeadModel.from_pretrained(folder / "model" / "final").eval()
    wrapped = pyvene.IntervenableModel(
        pyvene.IntervenableConfig(
            [{"layer": 0, "component": "block_output", "intervention_type": pyvene.BoundlessRotatedSpaceIntervention}]
        ),
        model,
    )
    wrapped.disable_model_gradients()
    intervention = next(iter(wrapped.interventions.values()))
    intervention = intervention[0] if isinstance(intervention, (list, tuple)) else intervention
    intervention.set_intervention_boundaries(1.0)

    def answers(base, source):
        _, out = wrapped({"input_ids": base}, [{"input_ids": source}], {"sources->base": base.shape[1] - 1})
        return out.logits[:, -1]

    base, source, wanted = read(folder / "model" / "data" / "train.csv")
    lengths = [PAIRS, 1, len(base) - PAIRS - 1]
    rows = torch.utils.data.random_split(range(len(base)), lengths, torch.Generator().manual_seed(0))[0]
    batches = torch.tensor(list(rows)).split(BATCH)
    steps = epochs * len(batches)
    adam = torch.optim.Adam(
        [
            {"params": intervention.rotate_layer.parameters()},
            {"params": [intervention.intervention_boundaries], "lr": 5e-3},
        ],
        lr=0.01,
    )
    schedule = get_linear_schedule_with_warmup(adam, 0.1 * steps, steps)
    for step, temperature in enumerate(torch.linspace(50, 0.1, steps)):
        intervention.set_temperature(temperature)
        batch = batches[step % len(batches)]
        r = intervention.rotate_layer.weight
        closeness = ((r.sum(1) - 1).abs().mean() + (r.sum(0) - 1).abs().mean()) / 2 + (r * (1 - r)).mean()
        logits = answers(base[batch], source[batch])
        loss = torch.nn.functional.cross_entropy(logits, wanted[batch])
        loss = loss + intervention.intervention_boundaries.sum() + closeness
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()

    base, source, wanted = read(folder / "model" / "data" / "test.csv")
    with torch.no_grad():
        right = (answers(base, source).argmax(-1) == wanted).double().mean().item()
    return right, intervention.intervention_boundaries.clamp(1e-3, 1).item() * model.config.n_embd


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cprobe", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "task.yaml").write_text(TASK)
    if not (options.folder / "model" / "settings.json").exists():
        sizes = ["--layers", 2, "--d-model", 64, "--d-mlp", 256, "--steps", 2000, "--stop-at", 0.999]
        print(run(options.cprobe, "train", options.folder / "task.yaml", "--out", options.folder / "model", *sizes), end="")
    results = {
        "cprobe": cprobe_accuracy(options.cprobe, options.folder, options.epochs),
        "pyvene": pyvene_accuracy(options.folder, options.epochs),
    }
    for name, (accuracy, dimension) in results.items():
        print(f"{name}: interchange accuracy {accuracy:.3f}, dimension {dimension:.1f}")


main()
