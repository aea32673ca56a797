#!/usr/bin/env python3
"""Makes a Hugging Face folder of a Llama in a GGUF file (llama.cpp's format), in float32.

usage: gguf_to_hf.py MODEL.gguf FOLDER
needs: gguf, numpy, safetensors (scripts/get_smollm2 installs them and calls this script)

Writes FOLDER/{config.json, model.safetensors, tokenizer.json, tokenizer_config.json}. FOLDER must
not exist. Reads Llamas without RoPE scaling whose tokenizer is SmolLM2's; refuses any other file.
"""
import json
import pathlib
import sys

import numpy as np
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize
from safetensors.numpy import save_file

WEIGHTS = {  # GGUF name -> Hugging Face name
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
LAYER_WEIGHTS = {  # name in blk.N -> name in model.layers.N
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def make_config(metadata, tied):
    def size(key):
        return metadata[f"llama.{key}"]

    def decimal(key):  # The decimal that the float32 stands for: 1e-05, not 9.999999747378752e-06.
        return float(str(np.float32(metadata[f"llama.{key}"])))

    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": size("vocab_size"),
        "max_position_embeddings": size("context_length"),
        "hidden_size": size("embedding_length"),
        "num_hidden_layers": size("block_count"),
        "num_attention_heads": size("attention.head_count"),
        "num_key_value_heads": size("attention.head_count_kv"),
        "head_dim": size("rope.dimension_count"),
        "intermediate_size": size("feed_forward_length"),
        "hidden_act": "silu",
        "rms_norm_eps": decimal("attention.layer_norm_rms_epsilon"),
        "rope_theta": decimal("rope.freq_base"),
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "torch_dtype": "float32",
    }


def halves_from_pairs(weight, n_heads):
    """Rows of a q or k matrix in Hugging Face's order. RoPE turns pairs of a head's rows: (0, 1),
    (2, 3), ... in GGUF, and (0, d/2), (1, d/2 + 1), ... in Hugging Face."""
    return weight.reshape(n_heads, -1, 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def make_weights(tensors, config):
    n_heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for tensor in tensors:
        *layer, name = tensor.name.removesuffix(".weight").removeprefix("blk.").split(".")
        known = LAYER_WEIGHTS if layer else WEIGHTS
        if name not in known:
            sys.exit(f"gguf_to_hf: tensor {tensor.name} is of no Llama known here")
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        if name in n_heads:
            values = halves_from_pairs(values, n_heads[name])
        prefix = f"model.layers.{layer[0]}." if layer else ""
        weights[f"{prefix}{known[name]}.weight"] = np.ascontiguousarray(values)
    return weights


def make_tokenizer(metadata):
    tokens = metadata["tokenizer.ggml.tokens"]
    types = metadata["tokenizer.ggml.token_type"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for i, (token, kind) in enumerate(zip(tokens, types))
            if kind == TokenType.CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": dict(byte_level, add_prefix_space=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in metadata["tokenizer.ggml.merges"]],
        },
    }


def make_tokenizer_config(metadata):
    """Names the tokenizer's class. Otherwise transformers would take it for a Llama's, which puts a
    token before every text."""

    def token(role):
        return metadata["tokenizer.ggml.tokens"][metadata[f"tokenizer.ggml.{role}_token_id"]]

    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": token("bos"),
        "eos_token": token("eos"),
        "unk_token": token("unknown"),
        "pad_token": token("padding"),
        "chat_template": metadata["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: gguf_to_hf.py MODEL.gguf FOLDER")
    folder = pathlib.Path(sys.argv[2])
    reader = GGUFReader(sys.argv[1])
    metadata = {key: field.contents() for key, field in reader.fields.items()}
    for key, wanted in (("general.architecture", "llama"), ("tokenizer.ggml.pre", "smollm")):
        if metadata.get(key) != wanted:
            sys.exit(f"gguf_to_hf: {key} is {metadata.get(key)}; only {wanted} is known here")
    if any(key.startswith("llama.rope.scaling") for key in metadata):
        sys.exit("gguf_to_hf: the model scales RoPE, which is not known here")

    folder.mkdir()
    print(f"gguf_to_hf: dequantising {len(reader.tensors)} tensors", flush=True)
    config = make_config(metadata, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer.json", make_tokenizer(metadata))
    write_json(folder / "tokenizer_config.json", make_tokenizer_config(metadata))
    save_file(make_weights(reader.tensors, config), folder / "model.safetensors", metadata={"format": "pt"})


main()
