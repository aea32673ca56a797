#!/usr/bin/env python3
"""Trains boundless DAS in pyvene and in cprobe on the same small models and pairs, in the same
order, and prints the interchange accuracy that each reaches on the test pairs. The two accuracies
should differ by less than .03. The planted model has the variable in known directions, so that
pyvene and cprobe must find the variable. In the trained model, both find part of the variable at
most.

usage: compare_pyvene.py CPROBE FOLDER [--epochs N]
needs: pip install pyvene

The models have two layers, because pyvene reads the stream behind a whole layer, and nothing is
left to compute behind the last layer. Pairs, batches, loss, learning rates and temperatures are the
same. The rotations differ: each program starts at another random rotation, and pyvene takes the
exponential of a skew matrix, cprobe the Cayley transform.

FOLDER keeps the models. With the trained model there, the script takes two minutes on two cores.
"""
import argparse
import csv
import json
import pathlib
import subprocess

import pyvene
import torch
from transformers import GPT2Config, GPT2LMHeadModel, get_linear_schedule_with_warmup

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
VALUES = 12  # The number of values that a and b have in the planted model.


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


def plant(folder):
    """Makes a model that answers rows `a b =` with a. Attention brings both a and b to "=". In the
    stream, a is in coordinates 0 to 11 and b in 12 to 23; their negatives are further on, so that
    norms change only the scale. The unembedding reads a only."""
    width, vocab = 4 * VALUES, 2 * VALUES + 1
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=vocab, n_positions=3, n_embd=width, n_layer=2, n_head=1, tie_word_embeddings=False, bos_token_id=None,
                   eos_token_id=None)
    ).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if ".ln_" in name and name.endswith("weight") else 0.0)
        token = torch.arange(2 * VALUES)
        model.transformer.wte.weight[token, token] = 1
        model.transformer.wte.weight[token, 2 * VALUES + token] = -1
        attention = model.transformer.h[0].attn
        attention.c_attn.weight[:, 2 * width :] = torch.eye(width)
        attention.c_proj.weight[:] = torch.eye(width)
        model.lm_head.weight[torch.arange(VALUES), torch.arange(VALUES)] = 1
    model.save_pretrained(folder / "model" / "final")
    generator = torch.Generator().manual_seed(0)
    (folder / "model" / "data").mkdir(parents=True, exist_ok=True)
    for name, n in (("train", PAIRS + 1), ("test", 1000)):
        a, b = torch.randint(VALUES, (2, n), generator=generator)
        rows = [f"{x} {VALUES + y} {2 * VALUES}" for x, y in zip(a.tolist(), b.tolist())]
        source = torch.randperm(n, generator=generator).tolist()
        with open(folder / "model" / "data" / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["", "data", "labels", "counterfactual_data", "var_0", "counter_var_0", "CF_Label_0", "CF_FN_0"])
            for i, other in enumerate(source):
                writer.writerow([i, rows[i], a[i].item(), rows[other], a[i].item(), a[other].item(), a[other].item(), "counter_var_0"])


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
    planted, trained = options.folder / "planted", options.folder / "trained"
    for folder in (planted, trained):
        folder.mkdir(parents=True, exist_ok=True)
    plant(planted)
    (trained / "task.yaml").write_text(TASK)
    if not (trained / "model" / "settings.json").exists():
        sizes = ["--layers", 2, "--d-model", 64, "--d-mlp", 256, "--steps", 2000, "--stop-at", 0.999]
        print(run(options.cprobe, "train", trained / "task.yaml", "--out", trained / "model", *sizes), end="")
    for folder in (planted, trained):
        for name, accuracy_of in (("cprobe", lambda *of: cprobe_accuracy(options.cprobe, *of)), ("pyvene", pyvene_accuracy)):
            accuracy, dimension = accuracy_of(folder, options.epochs)
            print(f"{folder.name} model, {name}: interchange accuracy {accuracy:.3f}, dimension {dimension:.1f}")


main()
