#!/usr/bin/env python3
"""Takes one training step in PyTorch from the weights that `cprobe train` began with, and compares weights after it.

usage: cprobe train examples/tasks/exp1.yaml --out FOLDER --steps 1 --checkpoints 0,1
       compare_training_step.py FOLDER

Prints each weight's relative difference, |ours - PyTorch's| / |PyTorch's|. Where a gradient is rounding noise, AdamW's first step is a
full one all the same, so weights that hold such entries (keys, tokens without influence) differ by more than rounding.
"""
import csv
import sys

import torch
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel

folder = sys.argv[1]
with open(f"{folder}/data/train.csv", newline="") as file:
    rows = list(csv.DictReader(file))
tokens = torch.tensor([[int(token) for token in row["data"].split()] for row in rows])
answers = torch.tensor([int(row["labels"]) for row in rows])

model = GPT2LMHeadModel.from_pretrained(f"{folder}/step_0").eval()
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))
torch.optim.lr_scheduler.LinearLR(optimiser, total_iters=10)  # sets the rate of the first step
log_p = model(tokens).logits[:, -1].to(torch.float64).log_softmax(-1)
(-log_p.gather(-1, answers[:, None]).mean()).backward()
optimiser.step()

theirs = model.state_dict()
for name, ours in load_file(f"{folder}/step_1/model.safetensors").items():
    difference = (ours - theirs[name]).norm() / theirs[name].norm()
    print(f"{name:40} {difference.item():.1e}")
