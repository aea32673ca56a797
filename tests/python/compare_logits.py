#!/usr/bin/env python3
"""Loads, in `transformers`, a model folder that cprobe wrote, and compares logits.

usage: compare_logits.py FOLDER LOGITS.safetensors

LOGITS.safetensors holds input_ids [n_rows, seq] int64 and logits [n_rows, seq, vocab] float32. Exit
code 0: the logits agree to 2e-5 of the largest logit; 1: they do not; 77: a package is missing
(named on stdout).
"""
import sys

try:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM
except ImportError as missing:
    print(f"Python package missing: {missing.name}")
    sys.exit(77)

TOLERANCE = 2e-5  # Differences of float32 with another order of summation.

ours = load_file(sys.argv[2])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    theirs = model(input_ids=ours["input_ids"]).logits
difference = ((theirs - ours["logits"]).abs().max() / theirs.abs().max()).item()
print(f"largest relative difference {difference:.2e}")
sys.exit(0 if difference <= TOLERANCE else 1)
