#!/usr/bin/env python3
"""Trains in PyTorch from the initial weights of `cprobe train`, compares the weights after one
step, and goes on training.

usage: cprobe train examples/tasks/exp1.yaml --out FOLDER --steps 1 --checkpoints 0,1
       compare_training.py FOLDER [--steps N] [--every N]
needs: pip install torch transformers safetensors

Prints each weight's relative difference, |ours - PyTorch's| / |PyTorch's|. AdamW's first step has
full size even where a gradient is rounding noise. So weights with such gradients (keys, tokens
without influence) differ by more than rounding.

With more than one step, prints PyTorch's training loss and test accuracy every N steps (by default
250), and saves its model as FOLDER/pytorch_STEP, for `cprobe fit`.
"""
import argparse
import csv

import torch
from safetensors.torch import load_file
from transformers import GPT2LMHeadModel


def read(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    tokens = torch.tensor([[int(token) for token in row["data"].split()] for row in rows])
    return tokens, torch.tensor([int(row["labels"]) for row in rows])


def last_logits(model, tokens):
    return model(tokens).logits[:, -1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--every", type=int, default=250)
    options = parser.parse_args()

    tokens, answers = read(f"{options.folder}/data/train.csv")
    test_tokens, test_answers = read(f"{options.folder}/data/test.csv")
    model = GPT2LMHeadModel.from_pretrained(f"{options.folder}/step_0").eval()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))
    # Sets the rate of the first step.
    warm_up = torch.optim.lr_scheduler.LinearLR(optimiser, total_iters=10)

    for step in range(1, options.steps + 1):
        optimiser.zero_grad()
        log_p = last_logits(model, tokens).to(torch.float64).log_softmax(-1)
        loss = -log_p.gather(-1, answers[:, None]).mean()
        loss.backward()
        optimiser.step()
        warm_up.step()
        if step == 1:
            theirs = model.state_dict()
            for name, ours in load_file(f"{options.folder}/step_1/model.safetensors").items():
                difference = (ours - theirs[name]).norm() / theirs[name].norm()
                print(f"{name:40} {difference.item():.1e}")
        if step % options.every == 0:
            with torch.no_grad():
                right = (last_logits(model, test_tokens).argmax(-1) == test_answers).double().mean()
            print(f"step {step}: training loss {loss.item():.1e}, test accuracy {right.item():.3f}", flush=True)
            model.save_pretrained(f"{options.folder}/pytorch_{step}")


main()
