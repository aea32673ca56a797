#!/usr/bin/env python3
"""Makes a model folder of GPT-2 small's size with random weights. Good for timing sweeps, because
the time does not depend on the weights.

usage: random_gpt2.py FOLDER --tokenizer FOLDER    (of GPT-2's vocab.json and merges.txt)
needs: pip install numpy safetensors
"""
import argparse
import json
import pathlib
import shutil

import numpy
from safetensors.numpy import save_file

D, LAYERS, VOCAB, POSITIONS = 768, 12, 50257, 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    options = parser.parse_args()

    random = numpy.random.default_rng(0)
    weights = {}

    def matrix(name, *shape):
        weights[name] = random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.02)

    def linear(name, n_in, n_out):
        matrix(f"{name}.weight", n_in, n_out)
        weights[f"{name}.bias"] = numpy.zeros(n_out, numpy.float32)

    def norm(name):
        weights[f"{name}.weight"] = numpy.ones(D, numpy.float32)
        weights[f"{name}.bias"] = numpy.zeros(D, numpy.float32)

    matrix("transformer.wte.weight", VOCAB, D)
    matrix("transformer.wpe.weight", POSITIONS, D)
    for layer in range(LAYERS):
        at = f"transformer.h.{layer}"
        norm(f"{at}.ln_1")
        linear(f"{at}.attn.c_attn", D, 3 * D)
        linear(f"{at}.attn.c_proj", D, D)
        norm(f"{at}.ln_2")
        linear(f"{at}.mlp.c_fc", D, 4 * D)
        linear(f"{at}.mlp.c_proj", 4 * D, D)
    norm("transformer.ln_f")

    options.folder.mkdir(parents=True)
    config = {"model_type": "gpt2", "vocab_size": VOCAB, "n_positions": POSITIONS, "n_embd": D, "n_layer": LAYERS,
              "n_head": 12, "activation_function": "gelu_new"}
    (options.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    # transformers asks for the format.
    save_file(weights, options.folder / "model.safetensors", {"format": "pt"})
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(options.tokenizer / name, options.folder / name)


main()
