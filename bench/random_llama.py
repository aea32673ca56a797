#!/usr/bin/env python3
"""Makes a model folder of a Llama's size with random weights, and a tokenizer of bytes. Good for
measuring time and memory, which do not depend on the weights.

usage: random_llama.py FOLDER [--size 1.5b|7b|tiny] [--dtype bfloat16|float32]
--size   1.5b: 1.55 thousand million weights; 7b: the sizes of Llama 2 7B; tiny: to try the script
--dtype  how the weights are stored. The numbers are the same.
needs: pip install numpy

Weights are normal numbers with deviation 0.02, rounded to bfloat16. Only 16 million are drawn, and
each matrix takes as many as it needs from a place of its own, as drawing 7 thousand million takes
minutes. Shards of about 2 GB are written tensor by tensor, so that the model is never in memory.
"""
import argparse
import json
import pathlib
import struct

import numpy

SIZES = {
    "tiny": dict(hidden_size=64, num_hidden_layers=2, intermediate_size=160, num_attention_heads=4, vocab_size=300),
    "1.5b": dict(hidden_size=2048, num_hidden_layers=24, intermediate_size=6912, num_attention_heads=16, vocab_size=32000),
    "7b": dict(hidden_size=4096, num_hidden_layers=32, intermediate_size=11008, num_attention_heads=32, vocab_size=32000),
}
SHARD = 1 << 31
DRAWN = 16_000_057


def shapes(config):
    """The names and shapes of the tensors, in the order of a checkpoint."""
    d, d_mlp, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    yield "model.embed_tokens.weight", [vocab, d]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{at}.self_attn.{name}.weight", [d, d]
        yield f"{at}.mlp.gate_proj.weight", [d_mlp, d]
        yield f"{at}.mlp.up_proj.weight", [d_mlp, d]
        yield f"{at}.mlp.down_proj.weight", [d, d_mlp]
        yield f"{at}.input_layernorm.weight", [d]
        yield f"{at}.post_attention_layernorm.weight", [d]
    yield "model.norm.weight", [d]
    yield "lm_head.weight", [vocab, d]


def drawn():
    """Normal numbers as the upper halves of their float32 forms, which is bfloat16."""
    numbers = (0.02 * numpy.random.default_rng(0).standard_normal(DRAWN, dtype=numpy.float32)).view(numpy.uint32)
    return ((numbers + 0x8000) >> 16).astype(numpy.uint16)


def blocks(number, n, numbers):
    """n of the drawn numbers, from a place that belongs to tensor `number` on."""
    place = number * 7_368_787 % DRAWN
    while n > 0:
        block = numbers[place:place + n]
        yield block
        n -= len(block)
        place = 0


def write_shard(path, tensors, wide, numbers):
    """@param tensors  [(number, name, shape)]"""
    header, begin = {"__metadata__": {"format": "pt"}}, 0
    for _, name, shape in tensors:
        end = begin + (4 if wide else 2) * int(numpy.prod(shape))
        header[name] = {"dtype": "F32" if wide else "BF16", "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for number, name, shape in tensors:
            if name.endswith("norm.weight"):
                ones = numpy.full(shape, 0x3F80, dtype=numpy.uint16)
                parts = [ones]
            else:
                parts = blocks(number, int(numpy.prod(shape)), numbers)
            for part in parts:
                file.write((part.astype(numpy.uint32) << 16 if wide else part).tobytes())


def write_tokenizer(folder):
    """GPT-2's tokenizer with a token per byte and no merges."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
    vocab = {letter: token for token, letter in enumerate([*letters, "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", choices=SIZES, default="1.5b")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    options = parser.parse_args()

    options.folder.mkdir(parents=True)
    config = {"model_type": "llama", **SIZES[options.size], "max_position_embeddings": 4096, "hidden_act": "silu",
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False,
              "torch_dtype": options.dtype}
    (options.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_tokenizer(options.folder)

    wide = options.dtype == "float32"
    shards, n_bytes = [[]], 0
    for number, (name, shape) in enumerate(shapes(config)):
        size = (4 if wide else 2) * int(numpy.prod(shape))
        if shards[-1] and n_bytes + size > SHARD:
            shards.append([])
            n_bytes = 0
        shards[-1].append((number, name, shape))
        n_bytes += size
    numbers, index = drawn(), {"metadata": {}, "weight_map": {}}
    for i, tensors in enumerate(shards):
        file = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        write_shard(options.folder / file, tensors, wide, numbers)
        index["weight_map"].update({name: file for _, name, _ in tensors})
    (options.folder / "model.safetensors.index.json").write_text(json.dumps(index))


main()
