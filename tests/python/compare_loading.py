#!/usr/bin/env python3
"""Loads variations of model folders, such as people have, in cprobe and in `transformers`.

usage: compare_loading.py [--cprobe PROGRAM] [--only WORD]

needs: pip install torch==2.6.0 transformers==4.57.6 safetensors

Each variation is expected to give the logits of transformers (or of the model that was varied), or
to be refused with some words. Prints a line for each. Exit code 1 if one does something else: other
logits above all.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()

SIZES = {
    "vocab_size": 61,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 48,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2_SIZES = {"vocab_size": 61, "n_positions": 48, "n_embd": 24, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 0}
ROWS = [[5, 9, 33, 2, 17, 41, 8, 20, 3], [1, 2, 3]]
TOLERANCE = 2e-5
GONE = object()  # A key that is removed.


def model_of(family, dtype=torch.float32, **keys):
    """A small model with every parameter drawn, the same at each call."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](**{**(GPT2_SIZES if family == "gpt2" else SIZES), **keys}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.1 if parameter.dim() == 1 else 1.2 / parameter.shape[-1] ** 0.5
            parameter.copy_(torch.randn_like(parameter) * scale + (parameter.dim() == 1 and "bias" not in name))
    return model.to(dtype).eval()


def logits_of(model):
    with torch.no_grad():
        return [model.float()(torch.tensor([row])).logits[0] for row in ROWS]


def save(model, folder, rename=lambda name: name, extra=None, config=None, without=()):
    """Saves a model with other names, further tensors, other keys of config.json."""
    model.save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = {rename(name): tensor for name, tensor in load_file(file).items() if name not in without}
    save_file({**tensors, **(extra or {})}, file, metadata={"format": "pt"})
    keys = json.loads((folder / "config.json").read_text())
    keys.update(config or {})
    (folder / "config.json").write_text(json.dumps({k: v for k, v in keys.items() if v is not GONE}))


def variations():
    """(name, function that makes a folder, what is expected). Expected is a model whose logits are
    right, None (the logits of transformers on the folder), or words of a refusal."""
    llama, tied, gpt2 = model_of("llama", tie_word_embeddings=False), model_of("llama", tie_word_embeddings=True), model_of("gpt2")
    scaled = {"rope_type": "linear", "factor": 2.0}

    def vary(model, **changes):
        return lambda folder: save(model, folder, **changes)

    def keys(model=llama, **config):
        return lambda folder: save(model, folder, config=config)

    for wrapper in ("_orig_mod.", "module.", "_orig_mod.module.", "_fsdp_wrapped_module.", "model.", "student.", "net.lm."):
        yield f"names behind {wrapper}", vary(llama, rename=lambda name, w=wrapper: w + name), llama
    yield "some names behind a wrapper", vary(llama, rename=lambda n: "module." * ("layers.0" in n) + n), "no tensor"
    yield "names of the base model, tied", vary(tied, rename=lambda n: n.removeprefix("model.")), tied
    yield "names of the base model, untied", vary(llama, rename=lambda n: n.removeprefix("model."), without=("lm_head.weight",)), "lm_head"
    yield "GPT-2's published names", vary(gpt2, rename=lambda n: n.removeprefix("transformer.")), gpt2
    masks = {"h.0.attn.bias": torch.ones(1, 1, 48, 48).tril().bool(), "h.0.attn.masked_bias": torch.tensor(-1e4)}
    yield "with causal masks", vary(gpt2, rename=lambda n: n.removeprefix("transformer."), extra=masks), gpt2
    yield "with a value head", vary(llama, extra={"v_head.summary.weight": torch.ones(1, 24)}), llama
    yield "with a classifier", vary(llama, extra={"score.weight": torch.ones(2, 24)}), "not part of a llama model"
    lora = {"model.layers.0.self_attn.q_proj.lora_A.default.weight": torch.ones(4, 24)}
    yield "LoRA not merged", vary(llama, rename=lambda n: n.replace("q_proj.weight", "q_proj.base_layer.weight"), extra=lora), "merge_and_unload"
    yield "an unmerged adapter beside", lambda f: (save(llama, f), (f / "adapter_config.json").write_text("{}")), "PEFT adapter"
    yield "float16 in shards", lambda f: model_of("llama", torch.float16).save_pretrained(f, max_shard_size="10KB"), None
    yield "bfloat16", lambda f: model_of("qwen2", torch.bfloat16).save_pretrained(f), None
    yield "float64", lambda f: model_of("gpt2", torch.float64).save_pretrained(f), "dtype Double"
    yield "pytorch_model.bin alone", lambda f: llama.save_pretrained(f, safe_serialization=False), "safe_serialization=True"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n"
    yield "weights not fetched", lambda f: (save(llama, f), (f / "model.safetensors").write_text(pointer)), "git lfs pull"
    yield "config not fetched", lambda f: (save(llama, f), (f / "config.json").write_text(pointer)), "Git LFS pointer"

    def other_file_beside(folder):
        llama.save_pretrained(folder, max_shard_size="10KB")
        save_file({"x": torch.ones(1)}, folder / "consolidated.safetensors")

    yield "a file of another program beside shards", other_file_beside, llama

    def without_a_shard(folder):
        llama.save_pretrained(folder, max_shard_size="10KB")
        sorted(folder.glob("model-*"))[1].unlink()

    yield "a shard is missing", without_a_shard, "is missing"

    def with_half_a_shard(folder):
        llama.save_pretrained(folder, max_shard_size="10KB")
        shard = sorted(folder.glob("model-*"))[1]
        shard.write_bytes(shard.read_bytes()[:-7])

    yield "a shard is cut", with_half_a_shard, "cut short"
    yield "GPTQ", keys(quantization_config={"quant_method": "gptq", "bits": 4}), "dequantised"
    yield "quantization_config: null", keys(quantization_config=None), llama
    yield "tied, with another lm_head", vary(tied, extra={"lm_head.weight": torch.ones(61, 24)}), "differs from the token embedding"
    copied = {"lm_head.weight": tied.model.embed_tokens.weight.detach().clone()}
    yield "tied, with the same lm_head", vary(tied, extra=copied), tied
    yield "untied, without lm_head", vary(llama, without=("lm_head.weight",)), "lm_head"
    yield "Llama that does not say whether it is tied", keys(tie_word_embeddings=GONE), llama
    yield "Gemma that does not say whether it is tied", keys(model_of("gemma"), tie_word_embeddings=GONE), None
    yield "auto_map", keys(auto_map={"AutoModelForCausalLM": "modeling_x.X"}), llama
    yield "is_causal: false", keys(is_causal=False), "is_causal"
    yield "cross attention", keys(gpt2, add_cross_attention=True), "add_cross_attention"
    yield "dropout", keys(attention_dropout=0.3), llama
    yield "SiLU as swish", keys(hidden_act="swish"), llama
    yield "quick_gelu", keys(hidden_act="quick_gelu"), "quick_gelu"
    yield "gelu_fast", keys(gpt2, activation_function="gelu_fast"), None
    yield "no num_key_value_heads", keys(model_of("llama", num_key_value_heads=4), num_key_value_heads=GONE), None
    yield "head_dim: null", keys(head_dim=None), llama
    yield "a vocabulary of another size", keys(vocab_size=60), "[60, 24]"
    yield "dtype in place of torch_dtype", keys(torch_dtype=GONE, dtype="float32"), llama
    other_base = model_of("llama", rope_theta=500.0, tie_word_embeddings=False)
    rope = {"rope_type": "default", "rope_theta": 500.0}
    yield "rope_parameters of transformers 5", keys(other_base, rope_theta=GONE, rope_parameters=rope), other_base
    yield "rope_scaling by type", keys(rope_scaling={"type": "linear", "factor": 2.0}), None
    yield "rope_scaling by both", keys(rope_scaling={**scaled, "type": "linear"}), None
    yield "rope_scaling, two kinds", keys(rope_scaling={**scaled, "type": "dynamic"}), "'dynamic' is not the rope_type 'linear'"
    yield "rope_theta in rope_scaling", keys(rope_scaling={**scaled, "rope_theta": 77.0}), "rope_theta"
    yield "rope_scaling of an unknown kind", keys(rope_scaling={"type": "su", "factor": 2.0}), "'su'"
    yield "rope_theta as text", keys(rope_theta="10000"), "expected a number"
    yield "a window of 0", keys(model_of("mistral"), sliding_window=0), "sliding_window"
    mixed = {"use_sliding_window": True, "sliding_window": 3, "layer_types": ["full_attention", "sliding_attention"]}
    yield "layer_types", lambda f: model_of("qwen2", **mixed).save_pretrained(f), None
    yield "layer_types of another length", keys(model_of("qwen2"), layer_types=["full_attention"]), "has 1 entries"
    yield "layer_types of an unknown kind", keys(model_of("qwen2"), layer_types=["full_attention", "chunked_attention"]), "chunked_attention"
    yield "text and images", keys(model_type="gemma3", text_config={"hidden_size": 24}), "gemma3"
    yield "a mixture of experts", keys(model_type="mixtral"), "mixtral"
    yield "no model_type", keys(model_type=GONE), "model_type"
    yield "pruned heads", keys(gpt2, pruned_heads={"0": [1]}), "pruned_heads"
    yield "a weight that is no number", vary(llama, extra={"model.norm.weight": torch.full((24,), float("nan"))}), "NaN"


def logits_of_cprobe(program, folder, work):
    """Logits of each row, and None; or None, and what the program said."""
    (work / "ids.json").write_text(json.dumps(ROWS))
    out = work / "logits.safetensors"
    command = [program, "inspect", folder, "--logits", work / "ids.json", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip()
    logits = load_file(out)["logits"]
    return [logits[i, : len(row)] for i, row in enumerate(ROWS)], None


def outcome(program, folder, work, expected):
    """Words for a line, and whether they are what is expected."""
    found, said = logits_of_cprobe(program, folder, work)
    if isinstance(expected, str):
        return (f"refused: {said}", expected in said) if said else ("read", False)
    if found is None:
        return f"refused: {said}", False
    model = expected or AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    right = logits_of(model)
    difference = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, right))
    return f"logits differ by {difference:.1e}", difference < TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cprobe", default="build/release/cprobe")
    parser.add_argument("--only", default="", help="variations with this word in their name")
    options = parser.parse_args()
    n, wrong = 0, []
    with tempfile.TemporaryDirectory() as work:
        for name, make, expected in variations():
            if options.only not in name:
                continue
            n += 1
            folder = pathlib.Path(work) / f"model-{n}"
            folder.mkdir()
            make(folder)
            words, is_right = outcome(options.cprobe, folder, pathlib.Path(work), expected)
            words = words.replace(f"{folder}/", "").replace(str(folder), "")
            print(f"{'ok  ' if is_right else 'WRONG'} {name}: {words[:200]}", flush=True)
            if not is_right:
                wrong.append(name)
    print(f"{n} variations, {len(wrong)} wrong{': ' if wrong else ''}{', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
