#!/usr/bin/env python3
"""Compares cprobe with `transformers` on random models of every family it reads.

usage: compare_families.py [--cprobe PROGRAM] [--seeds 0 1 2] [--families gpt2 llama ...]
                           [--keep FOLDER]
       compare_families.py --recorded MODEL_FOLDER...

needs: pip install torch==2.6.0 transformers==4.57.6 safetensors

For each seed and variant of a family: draws a shape and every parameter; saves the model as a
Hugging Face folder (in float32, float16 or bfloat16, as one file or several); records what
transformers computes with the saved weights, in float32, as golden.safetensors in the folder (keys:
src/cprobe/evaluate/doctor.h); and runs `cprobe doctor` on the folder. Prints the largest relative
differences of each model. Exit code 1 if a model fails.

With --recorded, checks a recording itself: takes the inputs and masks of a golden.safetensors that
something else made, records the rest anew, and compares.
"""
import argparse
import contextlib
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import zlib

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.modeling_utils import no_init_weights
from transformers.pytorch_utils import Conv1D

# model_type -> path of the list of blocks, name of the attention module in a block. Families that
# are not here are like Llama. The other module of a block is `mlp`, except in OPT.
LAYOUT = {
    "gpt2": ("transformer.h", "attn"),
    "gpt_neo": ("transformer.h", "attn.attention"),
    "gptj": ("transformer.h", "attn"),
    "gpt_neox": ("gpt_neox.layers", "attention"),
    "opt": ("model.decoder.layers", "self_attn"),
}
LIKE_LLAMA = ("model.layers", "self_attn")
# Families in which a norm follows what a component writes.
NORMS_BEHIND = {"gemma2", "gemma3_text", "olmo2"}
STORAGE = [  # dtype, largest size of a file; models take turns.
    (torch.float32, "1GB"),
    (torch.float16, "1GB"),
    (torch.bfloat16, "30KB"),
    (torch.float32, "30KB"),
    (torch.bfloat16, "1GB"),
]
# The tolerances of `cprobe doctor` (src/cprobe/evaluate/doctor.h), for --recorded.
TOLERANCE = {"activations": 2e-5, "gradients": 1e-4}


# Models


def draw_configs(rng):
    """{variant: configuration}, such as "llama-tied", a variant of family "llama". Sizes that are
    easily confused are different."""
    n_kv_heads = rng.choice([1, 2, 3])
    n_heads = n_kv_heads * rng.choice([2, 3])
    d_head = rng.choice([8, 12, 16])
    d_model = n_heads * d_head
    sizes = {
        "vocab_size": rng.randrange(50, 200),
        "hidden_size": d_model,
        "num_hidden_layers": rng.choice([1, 2, 3]),
        "num_attention_heads": n_heads,
        "intermediate_size": rng.choice([2, 3]) * d_model + rng.choice([2, 6, 10]),
        "max_position_embeddings": rng.randrange(40, 64),
    }
    grouped = {
        **sizes,
        "num_key_value_heads": n_kv_heads,
        "rope_theta": rng.choice([1e3, 1e4, 5e5]),
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-2]),
        "tie_word_embeddings": False,
    }
    epsilon = rng.choice([1e-5, 1e-2])
    activation = rng.choice(["gelu", "gelu_new", "relu"])
    tied = rng.random() < 0.5
    other_d_head = d_head + rng.choice([-4, 2, 6])
    rotary_pct = rng.choice([d for d in (2, 4, 6, 8) if d < d_head]) / d_head

    def of(family, **keys):
        return CONFIG_MAPPING[family](**keys)

    def gpt2(**more):
        return of(
            "gpt2",
            vocab_size=sizes["vocab_size"],
            n_positions=sizes["max_position_embeddings"],
            n_embd=d_model,
            n_layer=sizes["num_hidden_layers"],
            n_head=n_heads,
            activation_function=activation,
            layer_norm_epsilon=epsilon,
            bos_token_id=0,
            eos_token_id=0,
            **more,
        )

    def neox(**more):
        return of("gpt_neox", **sizes, hidden_act=activation, layer_norm_eps=epsilon, rotary_emb_base=2000, **more)

    def llama(**more):
        return of("llama", **{**grouped, **more})

    def like_llama(family, **more):
        return of(family, **{**grouped, "tie_word_embeddings": tied, **more})

    def gemma(family, **more):
        return like_llama(family, head_dim=other_d_head, hidden_act=gelu, hidden_activation=gelu, **more)

    # With base 500, some wavelengths are left alone, some are stretched, and one or two lie in
    # between.
    llama3 = {
        "rope_type": "llama3",
        "factor": rng.choice([4.0, 8.0]),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }
    linear = {"type": "linear", "factor": rng.choice([2.0, 2.5])}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 4.0}
    dynamic = {"rope_type": "dynamic", "factor": 3.0}
    n_layers = sizes["num_hidden_layers"]
    short = {"sliding_window": rng.choice([3, 5])}
    gelu = rng.choice(["gelu", "gelu_pytorch_tanh"])
    phi_like = {**sizes, "num_key_value_heads": n_kv_heads, "rope_theta": grouped["rope_theta"], "tie_word_embeddings": False}
    share = rng.choice([0.5, 0.8])
    if int(d_head * share) % 2:
        share = 0.5
    return {
        "gpt2": gpt2(n_inner=None),
        "gpt2-untied": gpt2(n_inner=sizes["intermediate_size"], tie_word_embeddings=False),
        "gpt_neox-parallel": neox(use_parallel_residual=True, rotary_pct=rotary_pct),
        "gpt_neox-sequential": neox(use_parallel_residual=False, rotary_pct=1.0),
        "llama": llama(),
        "llama-tied": llama(tie_word_embeddings=True),
        "llama-biases": llama(attention_bias=True, mlp_bias=True),
        "llama-head_dim": llama(head_dim=other_d_head),
        "llama-linear": llama(rope_scaling=linear),
        "llama-llama3": llama(rope_scaling=llama3, rope_theta=500.0),
        "llama-yarn": llama(rope_scaling=yarn, rope_theta=500.0),
        "llama-dynamic": llama(rope_scaling=dynamic, max_position_embeddings=64),
        "qwen2": like_llama("qwen2"),
        "qwen2-window": like_llama("qwen2", use_sliding_window=True, max_window_layers=1, **short),
        "mistral": like_llama("mistral", head_dim=other_d_head, sliding_window=None),
        "mistral-window": like_llama("mistral", **short),
        "gpt2-inverse": gpt2(scale_attn_by_inverse_layer_idx=True),
        "gpt_neo": of(
            "gpt_neo",
            vocab_size=sizes["vocab_size"],
            max_position_embeddings=sizes["max_position_embeddings"],
            hidden_size=d_model,
            num_layers=n_layers,
            num_heads=n_heads,
            attention_types=[[["local"], 1]] + ([[["global"], n_layers - 1]] if n_layers > 1 else []),
            window_size=3,
            activation_function=activation,
            layer_norm_epsilon=epsilon,
            bos_token_id=0,
            eos_token_id=0,
        ),
        "gptj": of(
            "gptj",
            vocab_size=sizes["vocab_size"],
            n_positions=sizes["max_position_embeddings"],
            n_embd=d_model,
            n_layer=n_layers,
            n_head=n_heads,
            rotary_dim=rng.choice([2, 4, 6]),
            activation_function=activation,
            layer_norm_epsilon=epsilon,
            bos_token_id=0,
            eos_token_id=0,
        ),
        "opt": of("opt", **opt_sizes(sizes), activation_function=activation, tie_word_embeddings=tied),
        "opt-proj": of("opt", **opt_sizes(sizes), word_embed_proj_dim=d_model - 5, enable_bias=rng.random() < 0.5),
        "qwen3": like_llama("qwen3", head_dim=other_d_head, attention_bias=tied),
        "smollm3": like_llama("smollm3", no_rope_layers=[l % 2 for l in range(n_layers)], pad_token_id=0),
        "gemma": gemma("gemma"),
        "gemma2": gemma("gemma2", query_pre_attn_scalar=20, attn_logit_softcapping=2.0, final_logit_softcapping=3.0, **short),
        "gemma3_text": gemma(
            "gemma3_text", query_pre_attn_scalar=20, sliding_window_pattern=2, rope_local_base_freq=500.0, **short
        ),
        "phi": of("phi", **phi_like, partial_rotary_factor=share, hidden_act=activation, layer_norm_eps=epsilon),
        "phi-norms": of("phi", **phi_like, qk_layernorm=True, hidden_act=activation, layer_norm_eps=epsilon),
        "phi3": like_llama("phi3", partial_rotary_factor=share, pad_token_id=0),
        "phi3-window": like_llama("phi3", pad_token_id=0, **short),
        "olmo": of("olmo", **phi_like, pad_token_id=0),
        "olmo-clip": of("olmo", **phi_like, pad_token_id=0, clip_qkv=0.8, attention_bias=True),
        "olmo2": like_llama("olmo2", pad_token_id=0),
        "stablelm": of("stablelm", **phi_like, partial_rotary_factor=share, layer_norm_eps=epsilon),
        "stablelm-parallel": of(
            "stablelm", **phi_like, use_parallel_residual=True, qk_layernorm=True, use_qkv_bias=True,
            partial_rotary_factor=share, layer_norm_eps=epsilon,
        ),
    }


def opt_sizes(sizes):
    renamed = {key: value for key, value in sizes.items() if key != "intermediate_size"}
    return {**renamed, "ffn_dim": sizes["intermediate_size"], "pad_token_id": 1}


def family_of(variant):
    return variant.partition("-")[0]


@torch.no_grad()
def draw_parameters(model, generator):
    """Draws every parameter, so that the outputs change if any parameter is left out or read
    transposed."""
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                parameter.normal_(0, 0.1, generator=generator)
            elif parameter.dim() == 1:  # The factor of a norm.
                parameter.normal_(1, 0.1, generator=generator)
            else:
                fan_in = parameter.shape[0 if isinstance(module, Conv1D) else 1]
                parameter.normal_(0, 1.5 / math.sqrt(fan_in), generator=generator)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()


def save_random_model(config, folder, storage, generator):
    dtype, max_shard_size = storage
    with no_init_weights():  # All are drawn below, and 4.57 cannot initialise StableLM's norms of queries.
        model = AutoModelForCausalLM.from_config(config)
    model.tie_weights()
    draw_parameters(model, generator)
    model.to(dtype).save_pretrained(folder, max_shard_size=max_shard_size)


# Inputs of a recording


class Component:
    """The linear maps of a component by their short names, and the module whose output is added to
    the stream."""

    def __init__(self, module, written=None):
        maps = {name: child for name, child in module.named_children() if isinstance(child, (torch.nn.Linear, Conv1D))}
        self.matrices, self.written = maps, written or module


def blocks_of(model):
    return model.get_submodule(LAYOUT.get(model.config.model_type, LIKE_LLAMA)[0])


def components_of(model, layer):
    """{"attn": Component, "mlp": Component} of a layer."""
    family = model.config.model_type
    block = blocks_of(model)[layer]
    attention = block.get_submodule(LAYOUT.get(family, LIKE_LLAMA)[1])
    if family == "opt":  # The MLP is not a module of its own.
        return {"attn": Component(attention), "mlp": Component(block, block.fc2)}
    if family in NORMS_BEHIND:
        return {
            "attn": Component(attention, block.post_attention_layernorm),
            "mlp": Component(block.mlp, block.post_feedforward_layernorm),
        }
    return {"attn": Component(attention), "mlp": Component(block.mlp)}


def matrices_of(component):
    return component.matrices


def n_out(linear):
    return linear.weight.shape[1 if isinstance(linear, Conv1D) else 0]


def draw_rows(n, seq, vocab, generator):
    """Token ids [n, seq], padded with 0 on the right, and lengths [n], from 1 to seq. Half of the
    rows begin alike."""
    lengths = torch.randint(1, seq + 1, (n,), generator=generator)
    lengths[:2] = torch.tensor([seq, 1])
    ids = torch.randint(0, vocab, (n, seq), generator=generator)
    ids[::2, :3] = ids[0, :3]
    return ids * padding_mask(lengths, seq), lengths


def padding_mask(lengths, seq):
    return (torch.arange(seq) < lengths[:, None]).long()


def draw_inputs(model, generator):
    """The drawn part of a golden file: rows of tokens, hard masks, labels and soft masks."""
    config = model.config
    seq = 12
    layer = torch.randint(0, config.num_hidden_layers, (1,), generator=generator)
    ids, lengths = draw_rows(6, seq, config.vocab_size, generator)
    inputs = {"input_ids": ids, "lengths": lengths, "attention_mask": padding_mask(lengths, seq), "masked_layer": layer}
    inputs["snn.input_ids"], inputs["snn.lengths"] = draw_rows(20, seq, config.vocab_size, generator)
    inputs["snn.labels"] = torch.randint(0, 3, (20,), generator=generator)
    for block, component in components_of(model, layer.item()).items():
        for name, linear in matrices_of(component).items():
            draws = torch.rand(2, n_out(linear), generator=generator)
            inputs[f"mask.{block}.{name}"] = (draws[0] < 0.6).float()
            inputs[f"snn.s.{block}.{name}"] = 4 * draws[1] - 2
    return inputs


# Recording


@contextlib.contextmanager
def hooks(functions):
    """Calls function(module, inputs, output) after the forward pass of each module. A result of the
    function replaces the output."""
    handles = [module.register_forward_hook(function) for module, function in functions.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def keep_output(outputs, key):
    def hook(_module, _inputs, output):
        outputs[key] = output[0] if isinstance(output, tuple) else output

    return hook


@contextlib.contextmanager
def both_hooks(functions, component, update):
    """Masks the matrices, and keeps what is written: in OPT both are of one module."""
    with hooks(functions), hooks({component.written: keep_output(update, "update")}):
        yield


def multiply_by(mask):
    """y_j = (x W)_j m_j + b_j: the bias is not masked."""

    def hook(linear, _inputs, y):
        bias = 0 if linear.bias is None else linear.bias
        return (y - bias) * mask + bias

    return hook


def soft_nearest_neighbours(v, labels):
    """-mean_i log of the share of exp(-d_ij), j != i, that falls on rows of the same label; d = 1 -
    cosine."""
    unit = v / v.norm(dim=1, keepdim=True)
    near = (unit @ unit.T - 1).exp().masked_fill(torch.eye(len(v), dtype=torch.bool), 0)
    of_same_label = near.where(labels[:, None] == labels, torch.zeros(()))
    return -((of_same_label.sum(1) + 1e-5) / (near.sum(1) + 1e-5)).log().mean()


def by_token(value, ids):
    """[rows, tokens, width]: OPT's MLP sees all tokens as rows."""
    return value.reshape(*ids.shape, -1)


@torch.no_grad()
def record_forward(model, ids, attention_mask):
    outputs, functions = {}, {}
    for layer, block in enumerate(blocks_of(model)):
        functions[block] = keep_output(outputs, f"resid_post.{layer}")
        for name, component in components_of(model, layer).items():
            functions[component.written] = keep_output(outputs, f"{name}_update.{layer}")
    with hooks(functions):
        outputs["logits"] = model(ids, attention_mask=attention_mask).logits
    return {key: by_token(value, ids) * attention_mask[:, :, None] for key, value in outputs.items()}


@torch.no_grad()
def record_masked(model, inputs, block, component):
    attention_mask = inputs["attention_mask"]
    update = {}
    functions = {m: multiply_by(inputs[f"mask.{block}.{name}"]) for name, m in matrices_of(component).items()}
    with both_hooks(functions, component, update):
        logits = model(inputs["input_ids"], attention_mask=attention_mask).logits
    return {
        f"masked_update.{block}": by_token(update["update"], attention_mask) * attention_mask[:, :, None],
        f"masked_logits.{block}": logits * attention_mask[:, :, None],
    }


def record_gradients(model, inputs, block, component):
    ids, lengths = inputs["snn.input_ids"], inputs["snn.lengths"]
    linears = matrices_of(component)
    s = {name: inputs[f"snn.s.{block}.{name}"].clone().requires_grad_() for name in linears}
    update = {}
    functions = {linear: multiply_by(s[name].sigmoid()) for name, linear in linears.items()}
    with both_hooks(functions, component, update):
        model(ids, attention_mask=padding_mask(lengths, ids.shape[1]))
    v = by_token(update["update"], ids)[torch.arange(len(ids)), lengths - 1]
    loss = soft_nearest_neighbours(v, inputs["snn.labels"])
    grad_v, *grad_s = torch.autograd.grad(loss, [v, *s.values()])
    return {
        f"snn.update.{block}": v.detach(),
        f"snn.loss.{block}": loss.detach().reshape(1),
        f"snn.grad_update.{block}": grad_v,
        **{f"snn.grad.{block}.{name}": gradient for name, gradient in zip(s, grad_s)},
    }


def record(model, inputs):
    """All outputs of a golden file, given its inputs."""
    outputs = record_forward(model, inputs["input_ids"], inputs["attention_mask"])
    for block, component in components_of(model, inputs["masked_layer"].item()).items():
        outputs |= record_masked(model, inputs, block, component)
        outputs |= record_gradients(model, inputs, block, component)
    return outputs


# Comparing


def kind_of(quantity):
    return "gradients" if ".grad" in quantity else "activations"


def largest(differences, kind):
    """The largest difference of one kind, given {quantity: difference}. NaN counts as larger than
    all numbers."""
    of_kind = [difference for quantity, difference in differences.items() if kind_of(quantity) == kind]
    return max(of_kind, key=lambda difference: (math.isnan(difference), difference), default=math.nan)


def doctor(program, folder):
    """Whether `cprobe doctor` accepts a folder, its relative differences by quantity, and its
    messages about failures."""
    command = [program, "doctor", folder, "--golden", folder / "golden.safetensors", "--json"]
    run = subprocess.run(command, capture_output=True, text=True)
    try:
        checks = json.loads(run.stdout)["checks"]
    except json.JSONDecodeError:
        return False, {}, run.stderr.strip().splitlines()[-3:] or [f"no output, exit code {run.returncode}"]
    differences = {
        check["what"]: math.nan if check["difference"] is None else check["difference"]
        for check in checks
        if check["tolerance"] > 0  # A check with tolerance 0 compares counts.
    }
    failures = [f"{check['what']}: {check['detail']}" for check in checks if not check["ok"]]
    return run.returncode == 0, differences, failures


def print_row(name, stored, differences, ok, failures=()):
    columns = " ".join(f"{largest(differences, kind):11.1e}" for kind in TOLERANCE)
    print(f"{name:28} {stored:20} {columns}  {'ok' if ok else 'FAIL'}", flush=True)
    for failure in failures:
        print(f"    {failure}")


def print_heading():
    print(f"{'model':28} {'stored as':20} {' '.join(f'{kind:>11}' for kind in TOLERANCE)}  result")


def compare_one(variant, seed, storage, folder, program):
    name = f"{variant}-{seed}"
    draw = zlib.crc32(name.encode())
    generator = torch.Generator().manual_seed(draw)
    save_random_model(draw_configs(random.Random(draw))[variant], folder, storage, generator)
    model = load(folder)
    inputs = draw_inputs(model, generator)
    golden = {key: value.contiguous() for key, value in {**inputs, **record(model, inputs)}.items()}
    save_file(golden, folder / "golden.safetensors")
    n_files = len(list(folder.glob("model*.safetensors")))
    ok, differences, failures = doctor(program, folder)
    print_row(name, f"{str(storage[0])[6:]}, {n_files} file{'s' * (n_files > 1)}", differences, ok, failures)
    return ok


def compare_all(options, folder):
    variants = [variant for variant in draw_configs(random.Random()) if family_of(variant) in options.families]
    print_heading()
    n_failed = 0
    for seed in options.seeds:
        for turn, variant in enumerate(variants):
            storage = STORAGE[(turn + seed) % len(STORAGE)]
            n_failed += not compare_one(variant, seed, storage, folder / f"{variant}-{seed}", options.cprobe)
    print(f"{n_failed} of {len(options.seeds) * len(variants)} models failed")
    return n_failed


def compare_recorded(folders):
    """Records the outputs in each folder's golden.safetensors anew, and compares."""
    print_heading()
    n_failed = 0
    for folder in folders:
        model, golden = load(folder), load_file(folder / "golden.safetensors")
        outputs = record(model, golden)
        inputs = draw_inputs(model, torch.Generator())
        expected = {key: value for key, value in golden.items() if key not in inputs}
        missing = sorted(set(outputs) ^ set(expected))
        differences = {
            key: ((outputs[key] - value).abs().max() / value.abs().max()).item()
            for key, value in expected.items()
            if key not in missing
        }
        ok = not missing and all(differences[key] <= TOLERANCE[kind_of(key)] for key in differences)
        print_row(folder.name, "", differences, ok, [f"{key}: not in both" for key in missing])
        n_failed += not ok
    return n_failed


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cprobe", type=pathlib.Path, default=root / "build/release/cprobe", help="the program")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    families = sorted({family_of(variant) for variant in draw_configs(random.Random())})
    parser.add_argument("--families", nargs="+", choices=families, default=families)
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="where models go; default: not kept")
    parser.add_argument("--recorded", type=pathlib.Path, nargs="+", metavar="MODEL_FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()

    if options.recorded:
        return compare_recorded(options.recorded)
    if not options.cprobe.is_file():
        sys.exit(f"{options.cprobe}: no such program; build it (scripts/test does) or name it with --cprobe")
    if options.keep:
        return compare_all(options, options.keep)
    with tempfile.TemporaryDirectory() as folder:
        return compare_all(options, pathlib.Path(folder))


sys.exit(1 if main() else 0)
