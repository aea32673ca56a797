#!/usr/bin/env python3
"""Checks that no key of a model's config.json is ignored which `transformers` reads.

usage: audit_configs.py [--cprobe PROGRAM]

needs: pip install transformers

For each family that cprobe reads, takes every key of the configuration class of the installed
`transformers`. A key must be in HARMLESS, with the reason, or cprobe must look at it: with a value
that makes no sense, it has to refuse the file and name the key. Prints the keys that it does not
look at; exit code 1 if there are any, 77 if transformers is missing.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

FAMILIES = ["gpt2", "gpt_neo", "gptj", "gpt_neox", "opt", "llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma",
            "gemma2", "gemma3_text", "phi", "phi3", "olmo", "olmo2", "stablelm"]

TRAINING = "only training uses it"
GENERATION = "says how texts are generated, not what the model computes"
HEADS = "is of heads for other tasks"
OUTPUTS = "says what is returned"
HARMLESS = {
    **dict.fromkeys(["attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout",
                     "resid_dropout", "embed_dropout", "layerdrop", "init_std", "problem_type"], TRAINING),
    **dict.fromkeys(["classifier_dropout", "summary_type", "summary_use_proj", "summary_activation",
                     "summary_proj_to_labels", "summary_first_dropout", "id2label", "label2id", "finetuning_task",
                     "task_specific_params"], HEADS),
    **dict.fromkeys(["bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
                     "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
                     "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "forced_bos_token_id",
                     "forced_eos_token_id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size",
                     "num_beam_groups", "num_beams", "num_return_sequences", "prefix", "remove_invalid_values",
                     "repetition_penalty", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p"],
                    GENERATION),
    **dict.fromkeys(["output_attentions", "output_hidden_states", "output_scores", "return_dict",
                     "return_dict_in_generate", "use_cache"], OUTPUTS),
    **dict.fromkeys(["_name_or_path", "architectures", "transformers_version", "tokenizer_class"],
                    "names the file's origin"),
    **dict.fromkeys(["dtype", "torch_dtype", "torchscript", "tf_legacy_loss", "use_bfloat16",
                     "chunk_size_feed_forward", "pretraining_tp"],
                    "says how it is computed; numbers differ by rounding"),
    **dict.fromkeys(["is_decoder", "cross_attention_hidden_size", "tie_encoder_decoder"],
                    "is of models with an encoder; these decoders are causal whatever it says"),
    "model_type": "chooses the family",
}
HARMLESS_IN = {
    "gpt2": {"reorder_and_upcast_attn": "changes nothing in float32"},
    "gemma3_text": {"_sliding_window_pattern": "is written by transformers, which does not read it"},
    "phi3": {"original_max_position_embeddings": "is read where rope_scaling is longrope"},
}


def small(family, config_class):
    config = config_class().to_dict()
    for key, value in {"vocab_size": 50, "hidden_size": 32, "n_embd": 32, "num_hidden_layers": 2, "n_layer": 2,
                       "num_layers": 2, "num_attention_heads": 4, "n_head": 4, "num_heads": 4,
                       "num_key_value_heads": 4, "intermediate_size": 40, "ffn_dim": 40, "rotary_dim": 4,
                       "word_embed_proj_dim": 32}.items():
        if key in config:
            config[key] = value
    if "layer_types" in config:
        config["layer_types"] = None
    if "use_sliding_window" in config:
        config["use_sliding_window"] = True
    if family == "gpt_neo":
        config["attention_types"], config["attention_layers"] = [[["global", "local"], 1]], ["global", "local"]
    if family == "smollm3":
        config["no_rope_layers"] = [1, 0]
    return config


def message_of(cprobe, folder, config):
    (folder / "config.json").write_text(json.dumps(config))
    done = subprocess.run([cprobe, "inspect", str(folder)], capture_output=True, text=True)
    return done.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cprobe", default="build/release/cprobe")
    options = parser.parse_args()
    try:
        from transformers import CONFIG_MAPPING
    except ImportError as missing:
        print(f"transformers is not installed ({missing})")
        return 77
    ignored = []
    n_keys = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for family in FAMILIES:
            if family not in CONFIG_MAPPING:
                print(f"{family}: not in this version of transformers")
                continue
            plain = small(family, CONFIG_MAPPING[family])
            # Without weights, the first complaint about a good config.json is about them.
            said = message_of(options.cprobe, folder, plain)
            if "model.safetensors" not in said:
                ignored.append(f"{family}: the plain config is refused: {said.strip()}")
                continue
            for key in sorted(set(plain) - set(HARMLESS) - set(HARMLESS_IN.get(family, {}))):
                n_keys += 1
                said = message_of(options.cprobe, folder, {**plain, key: {"nonsense": 1}})
                if key not in said:
                    ignored.append(f"{family}: {key} is not looked at: {said.strip()}")
    for line in ignored:
        print(line)
    print(f"{n_keys} keys of {len(FAMILIES)} families looked at, {len(HARMLESS)} known to be harmless")
    return 1 if ignored else 0


if __name__ == "__main__":
    sys.exit(main())
