#!/usr/bin/env python3
"""Ablates a circuit in a checkpoint with the lines of docs/file_formats.md, as they stand there.

usage: apply_circuit.py FILE_FORMATS.md MODEL CIRCUIT.safetensors OUT [MODULE]

MODEL is a folder with model.safetensors; OUT is an existing folder, which gets the changed
model.safetensors. MODULE is "torch" for the lines with safetensors.torch, as the page says of
bfloat16. Exit code 77: a package is missing (named on stdout).
"""
import re
import sys

module = sys.argv[5] if len(sys.argv) > 5 else "numpy"
try:
    __import__(f"safetensors.{module}")
except ImportError as missing:
    print(f"Python package missing: {missing.name}")
    sys.exit(77)

with open(sys.argv[1], encoding="utf-8") as page:
    section = page.read().split("### Apply a circuit without cprobe")[1]
lines = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
if module == "torch":
    lines = lines.replace("safetensors.numpy", "safetensors.torch").replace('"np"', '"pt"')
exec(lines, {"model": sys.argv[2], "circuit": sys.argv[3], "out": sys.argv[4]})
