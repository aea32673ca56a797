#!/usr/bin/env python3
"""Makes a model folder of GPT-2 small's size with random weights. Good for timing sweeps, because
the time does not depend on the weights.

usage: random_gpt2.py FOLDER [--tokenizer FOLDER] [--vocab N] [--positions N]
--tokenizer  a folder with GPT-2's vocab.json and merges.txt, which are copied
needs: pip install torch
"""
import argparse
import ctypes
import json
import pathlib
import shutil
import struct

import torch

D, LAYERS = 768, 12


def random_weights(vocab, positions):
    torch.manual_seed(0)
    weights = {"transformer.wte.weight": 0.1 * torch.randn(vocab, D), "transformer.wpe.weight": 0.1 * torch.randn(positions, D)}

    def linear(name, n_in, n_out):
        weights[f"{name}.weight"] = 0.04 * torch.randn(n_in, n_out)
        weights[f"{name}.bias"] = torch.zeros(n_out)

    def norm(name):
        weights[f"{name}.weight"] = torch.ones(D)
        weights[f"{name}.bias"] = torch.zeros(D)

    for layer in range(LAYERS):
        at = f"transformer.h.{layer}"
        norm(f"{at}.ln_1")
        linear(f"{at}.attn.c_attn", D, 3 * D)
        linear(f"{at}.attn.c_proj", D, D)
        norm(f"{at}.ln_2")
        linear(f"{at}.mlp.c_fc", D, 4 * D)
        linear(f"{at}.mlp.c_proj", 4 * D, D)
    norm("transformer.ln_f")
    return weights


def write_safetensors(path, tensors):
    """By hand, so that a machine with torch alone will do."""
    header, begin = {"__metadata__": {"format": "pt"}}, 0  # transformers asks for the format
    for name, tensor in tensors.items():
        end = begin + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(ctypes.string_at(tensor.data_ptr(), 4 * tensor.numel()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--vocab", type=int, default=50257)
    parser.add_argument("--positions", type=int, default=1024)
    options = parser.parse_args()

    options.folder.mkdir(parents=True)
    config = {"model_type": "gpt2", "vocab_size": options.vocab, "n_positions": options.positions, "n_embd": D,
              "n_layer": LAYERS, "n_head": 12, "activation_function": "gelu_new"}
    (options.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_safetensors(options.folder / "model.safetensors", random_weights(options.vocab, options.positions))
    if options.tokenizer:
        for name in ("vocab.json", "merges.txt"):
            shutil.copyfile(options.tokenizer / name, options.folder / name)


main()
