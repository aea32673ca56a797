#!/usr/bin/env python3
"""Erases variables from the states of a one-layer GPT-2 model with `concept_erasure`, and prints
for each variable the number of directions removed and the task accuracy left. As in the reference's
amnesic probing, an eraser is fitted in float32 on the rows that it is applied to.
tests/baselines/amnesic_test.cc (AmnesicProbingOfExperiment1) compares with these figures.

usage: erase_with_leace.py CHECKPOINT TEST.csv
needs: pip install torch transformers concept-erasure==0.2.4
"""
import csv
import sys

import torch
from concept_erasure import LeaceFitter
from transformers import GPT2LMHeadModel

VARIABLES = {"attn": ["var_0", "var_1", "aux_0", "aux_1"], "mlp": ["var_0", "aux_0"]}

model = GPT2LMHeadModel.from_pretrained(sys.argv[1]).eval()
with open(sys.argv[2], newline="") as file:
    rows = list(csv.DictReader(file))
tokens = torch.tensor([[int(token) for token in row["data"].split()] for row in rows])
answers = torch.tensor([int(row["labels"]) for row in rows])
transformer, layer = model.transformer, model.transformer.h[0]


def behind_mlp(stream):
    return stream + layer.mlp(layer.ln_2(stream))


@torch.no_grad()
def main():
    stream = transformer.wte(tokens) + transformer.wpe(torch.arange(tokens.shape[1]))
    mid = (stream + layer.attn(layer.ln_1(stream))[0])[:, -1]
    states = {"attn": mid, "mlp": behind_mlp(mid)}
    for block, names in VARIABLES.items():
        for name in names:
            values = torch.tensor([int(row[name]) for row in rows])
            one_hot = torch.nn.functional.one_hot(values.unique(return_inverse=True)[1]).to(states[block].dtype)
            eraser = LeaceFitter.fit(states[block], one_hot).eraser
            erased = eraser(states[block])
            end = erased if block == "mlp" else behind_mlp(erased)
            right = model.lm_head(transformer.ln_f(end)).argmax(-1) == answers
            n_directions = torch.linalg.matrix_rank(eraser.proj_left @ eraser.proj_right, rtol=1e-3).item()
            print(f"{block} {name}: {n_directions} directions, accuracy {right.float().mean():.4f}")


main()
