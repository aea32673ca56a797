"""Draws a tiny random GPT-2 model, and records what the model computes. Follows the definitions
alone: plain Python in double precision, without libraries.

    python3 make_gpt2_golden.py --out gpt2

Writes OUT/{config.json, model.safetensors, golden.safetensors}. src/cprobe/evaluate/doctor.h lists
the keys of golden.safetensors. The same seed gives the same bytes.

- Weights are rounded to float32 before they are used.
- Results are rounded to float32 when they are written, so they are right to 6e-8 of their size.
- Gradients are central differences, with step 1e-5, of a loss in double precision. They are right
  to about 1e-9.
"""

import argparse
import json
import math
import random
import struct
from pathlib import Path

VOCAB, N_POSITIONS, D_MODEL, N_LAYERS, N_HEADS, D_MLP = 11, 6, 8, 2, 2, 12
EPSILON = 1e-5
MASKED_LAYER = 1
# Two rows share a prefix. The rows have different lengths. Token 0 is also the padding.
ROWS = [[3, 1, 4, 1, 5], [9, 2, 6], [3, 1, 4, 0, 10], [0]]
LABELLED_ROWS = [[1, 7, 3], [1, 7, 4, 2], [8, 8, 8, 8, 8, 8], [5], [1, 7], [10, 0, 6], [2, 9]]
LABELS = [0, 1, 0, 2, 1, 1, 0]  # Class 2 has a single row.
MATRICES = {"attn": ["c_attn", "c_proj"], "mlp": ["c_fc", "c_proj"]}


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


# Tensors are nested lists, [rows][columns] or [n].


def vector_times_matrix(x, w):
    return [sum(x[i] * w[i][j] for i in range(len(x))) for j in range(len(w[0]))]


def linear(model, name, x, mask):
    """y_j = (x W)_j m_j + b_j."""
    y = vector_times_matrix(x, model[name + ".weight"])
    m = mask if mask is not None else [1.0] * len(y)
    return [a * f + b for a, f, b in zip(y, m, model[name + ".bias"])]


def layer_norm(model, name, x):
    mean = sum(x) / len(x)
    variance = sum((a - mean) ** 2 for a in x) / len(x)
    return [
        (a - mean) / math.sqrt(variance + EPSILON) * w + b
        for a, w, b in zip(x, model[name + ".weight"], model[name + ".bias"])
    ]


def gelu_new(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def attention(model, block, stream, masks):
    """The update at every position of one row."""
    d_head = D_MODEL // N_HEADS
    normed = [layer_norm(model, block.replace("attn", "ln_1"), x) for x in stream]
    qkv = [linear(model, block + ".c_attn", x, masks.get("c_attn")) for x in normed]
    updates = []
    for i in range(len(stream)):
        z = []
        for h in range(N_HEADS):
            part = lambda t, what: qkv[t][what * D_MODEL + h * d_head : what * D_MODEL + (h + 1) * d_head]
            scores = [dot(part(i, 0), part(j, 1)) / math.sqrt(d_head) for j in range(i + 1)]
            p = [math.exp(s - max(scores)) for s in scores]
            p = [a / sum(p) for a in p]
            z += [sum(p[j] * part(j, 2)[c] for j in range(i + 1)) for c in range(d_head)]
        updates.append(linear(model, block + ".c_proj", z, masks.get("c_proj")))
    return updates


def mlp(model, block, stream, masks):
    updates = []
    for x in stream:
        normed = layer_norm(model, block.replace("mlp", "ln_2"), x)
        hidden = [gelu_new(a) for a in linear(model, block + ".c_fc", normed, masks.get("c_fc"))]
        updates.append(linear(model, block + ".c_proj", hidden, masks.get("c_proj")))
    return updates


def forward(model, row, masked=None, masks=None):
    """All that the model computes for one row, by name: [n_tokens][n]. `masks` act on the block
    `masked` of MASKED_LAYER."""
    stream = [
        [a + b for a, b in zip(model["transformer.wte.weight"][token], model["transformer.wpe.weight"][t])]
        for t, token in enumerate(row)
    ]
    seen = {}
    for layer in range(N_LAYERS):
        for name, block in (("attn", attention), ("mlp", mlp)):
            here = masks if layer == MASKED_LAYER and name == masked else {}
            updates = block(model, f"transformer.h.{layer}.{name}", stream, here)
            stream = [[a + b for a, b in zip(x, u)] for x, u in zip(stream, updates)]
            seen[f"{name}_update.{layer}"] = updates
        seen[f"resid_post.{layer}"] = stream
    final = [layer_norm(model, "transformer.ln_f", x) for x in stream]
    seen["logits"] = [[dot(x, e) for e in model["transformer.wte.weight"]] for x in final]
    return seen


def soft_nearest_neighbours(vectors, labels):
    norms = [math.sqrt(dot(v, v)) for v in vectors]
    loss = 0.0
    for i, v in enumerate(vectors):
        near = {
            j: math.exp(dot(v, w) / (norms[i] * norms[j]) - 1) for j, w in enumerate(vectors) if j != i
        }
        same = sum(e for j, e in near.items() if labels[j] == labels[i])
        loss -= math.log((same + 1e-5) / (sum(near.values()) + 1e-5)) / len(vectors)
    return loss


def gradient(function, numbers):
    """The gradient of `function()`, which reads the list `numbers`, in the entries of the list, by
    central differences."""
    step, result = 1e-5, []
    for i, kept in enumerate(numbers):
        numbers[i] = kept + step
        above = function()
        numbers[i] = kept - step
        below = function()
        numbers[i] = kept
        result.append((above - below) / (2 * step))
    return result


def draw_model(rng):
    def normal(*shape, mean=0.0, deviation=0.4):
        if len(shape) > 1:
            return [normal(*shape[1:], mean=mean, deviation=deviation) for _ in range(shape[0])]
        return [float32(rng.gauss(mean, deviation)) for _ in range(shape[0])]

    model = {
        "transformer.wte.weight": normal(VOCAB, D_MODEL),
        "transformer.wpe.weight": normal(N_POSITIONS, D_MODEL),
    }
    for layer in range(N_LAYERS):
        block = f"transformer.h.{layer}."
        for name, n_in, n_out in (
            ("attn.c_attn", D_MODEL, 3 * D_MODEL),
            ("attn.c_proj", D_MODEL, D_MODEL),
            ("mlp.c_fc", D_MODEL, D_MLP),
            ("mlp.c_proj", D_MLP, D_MODEL),
        ):
            model[block + name + ".weight"] = normal(n_in, n_out)
            model[block + name + ".bias"] = normal(n_out)
        for name in ("ln_1", "ln_2"):
            model[block + name + ".weight"] = normal(D_MODEL, mean=1.0)
            model[block + name + ".bias"] = normal(D_MODEL)
    model["transformer.ln_f.weight"] = normal(D_MODEL, mean=1.0)
    model["transformer.ln_f.bias"] = normal(D_MODEL)
    return model


def padded(rows, n=None):
    """Pads rows to one length with 0 or, if n is given, with n zeros."""
    filler = 0 if n is None else [0.0] * n
    longest = max(len(row) for row in rows)
    return [row + [filler] * (longest - len(row)) for row in rows]


def all_rows(model, key, masked=None, masks=None):
    found = [forward(model, row, masked, masks)[key] for row in ROWS]
    return padded(found, len(found[0][0]))


def make_golden(model, rng):
    lengths = [len(row) for row in ROWS]
    golden = {
        "input_ids": padded(ROWS),
        "attention_mask": padded([[1] * n for n in lengths]),
        "lengths": lengths,
        "masked_layer": [MASKED_LAYER],
        "snn.input_ids": padded(LABELLED_ROWS),
        "snn.lengths": [len(row) for row in LABELLED_ROWS],
        "snn.labels": LABELS,
    }
    for key in forward(model, ROWS[0]):
        golden[key] = all_rows(model, key)
    for block, matrices in MATRICES.items():
        width = {w: len(model[f"transformer.h.{MASKED_LAYER}.{block}.{w}.bias"]) for w in matrices}
        hard = {w: [float(rng.random() < 0.6) for _ in range(width[w])] for w in matrices}
        golden[f"masked_update.{block}"] = all_rows(model, f"{block}_update.{MASKED_LAYER}", block, hard)
        golden[f"masked_logits.{block}"] = all_rows(model, "logits", block, hard)

        s = {w: [float32(rng.gauss(0.2, 1)) for _ in range(width[w])] for w in matrices}

        def updates():
            soft = {w: [1 / (1 + math.exp(-a)) for a in s[w]] for w in matrices}
            key = f"{block}_update.{MASKED_LAYER}"
            return [forward(model, row, block, soft)[key][-1] for row in LABELLED_ROWS]

        vectors = updates()
        golden[f"snn.update.{block}"] = vectors
        golden[f"snn.loss.{block}"] = [soft_nearest_neighbours(vectors, LABELS)]
        golden[f"snn.grad_update.{block}"] = [
            gradient(lambda: soft_nearest_neighbours(vectors, LABELS), vector) for vector in vectors
        ]
        for w in matrices:
            golden[f"mask.{block}.{w}"] = hard[w]
            golden[f"snn.s.{block}.{w}"] = s[w]
            golden[f"snn.grad.{block}.{w}"] = gradient(lambda: soft_nearest_neighbours(updates(), LABELS), s[w])
    return golden


def shape_and_values(tensor):
    if not isinstance(tensor, list):
        return [], [tensor]
    shape, values = [], []
    for part in tensor:
        shape, inner = shape_and_values(part)
        values += inner
    return [len(tensor)] + shape, values


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name in sorted(tensors):
        shape, values = shape_and_values(tensors[name])
        whole = isinstance(values[0], int)
        packed = struct.pack(f"<{len(values)}{'q' if whole else 'f'}", *values)
        header[name] = {
            "dtype": "I64" if whole else "F32",
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(packed)],
        }
        data += packed
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    model = draw_model(rng)
    config = {
        "model_type": "gpt2",
        "vocab_size": VOCAB,
        "n_positions": N_POSITIONS,
        "n_embd": D_MODEL,
        "n_layer": N_LAYERS,
        "n_head": N_HEADS,
        "n_inner": D_MLP,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": EPSILON,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_safetensors(options.out / "model.safetensors", model)
    write_safetensors(options.out / "golden.safetensors", make_golden(model, rng))


if __name__ == "__main__":
    main()
