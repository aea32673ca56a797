"""Models of `transformers` in memory. Skipped where torch and transformers are not installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import TOKENIZER

import circuitprobe as cp

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

SIZES = {
    "vocab_size": 8,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
GPT2_SIZES = {"vocab_size": 8, "n_positions": 32, "n_embd": 24, "n_layer": 2, "n_head": 4}
ENDS = {"bos_token_id": 0, "eos_token_id": 0}

FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": {**GPT2_SIZES, **ENDS},
    "gptj": {**GPT2_SIZES, **ENDS, "rotary_dim": 4},
    "gpt_neo": {
        **SIZES,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 3,
    },
    "gpt_neox": {**SIZES, "rotary_pct": 1.0},
    "opt": {**SIZES, "ffn_dim": 40, "word_embed_proj_dim": 24, "pad_token_id": 1},
    "llama": SIZES,
    "mistral": {**SIZES, "sliding_window": 3},
    "qwen2": SIZES,
    "qwen3": {**SIZES, "head_dim": 8},
    "smollm3": SIZES,
    "gemma": {**SIZES, "head_dim": 8, "hidden_activation": "gelu_pytorch_tanh"},
    "gemma2": {**SIZES, "head_dim": 8},
    "gemma3_text": {**SIZES, "head_dim": 8},
    "phi": {**SIZES, "partial_rotary_factor": 1.0},
    "phi3": SIZES,
    "olmo": SIZES,
    "olmo2": SIZES,
    "stablelm": {**SIZES, "partial_rotary_factor": 1.0},
}


def drawn_model(family: str) -> Any:
    if family not in transformers.CONFIG_MAPPING:
        pytest.skip(f"transformers {transformers.__version__} has no {family}")
    sizes = dict(FAMILIES[family])
    if family in ("gpt_neo", "gpt_neox", "opt"):
        sizes.pop("num_key_value_heads", None)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(transformers.CONFIG_MAPPING[family](**sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def saved(model: Any) -> cp.Model:
    """The model's folder, with the tokenizer of the toy model."""
    folder = cp.Model.from_torch(model).folder
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    return cp.Model(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_transformers(family: str) -> None:
    model = drawn_model(family)
    assert saved(model).check(against=model, texts=["12345=0123", "6"]) < 2e-5


def found_circuit(folder: cp.Model, sums: pd.DataFrame, block: str, unit: str, out: Path) -> cp.Circuit:
    """A circuit of layer 1 from a run, with units drawn anew."""
    small = {"fit": {"epochs": 1, "batch_size": 8, "l0_weight": 0}, "evaluate": {"null_variables": 0}}
    run = cp.probe(folder, sums, "a", layers=1, blocks=block, unit=unit, out=out, **small)
    circuit = run.circuit("a", 1, block)
    drawn = np.random.default_rng(3)
    members = {name: drawn.integers(0, 2, inside.shape) for name, inside in circuit.members.items()}
    return cp.Circuit(members, circuit.metadata)


@pytest.mark.parametrize(("block", "unit"), [("attn", "neuron"), ("mlp", "weight"), ("attn", "head")])
@pytest.mark.parametrize("family", FAMILIES)
def test_hooks_do_what_the_engine_does(family: str, block: str, unit: str, sums: pd.DataFrame, tmp_path: Path) -> None:
    model = drawn_model(family)
    folder = saved(model)
    circuit = found_circuit(folder, sums, block, unit, tmp_path / "run")
    tokens = [*map(str, range(7)), "="]
    texts = ["1=2", "65=43"]
    table = circuit.ablate(folder, next=texts, of=tokens)

    def logits(text: str) -> np.ndarray[Any, Any]:
        ids = torch.tensor([[tokens.index(letter) for letter in text]])
        with torch.no_grad():
            return np.asarray(model(ids).logits[0, -1])

    for text in texts:
        of_text = table[table["text"] == text]
        before = logits(text)
        with circuit.removed(model):
            without = logits(text)
        largest = np.abs(before).max()
        np.testing.assert_allclose(without, of_text["ablated"], atol=2e-5 * largest, rtol=0)
        assert not np.allclose(without, before)
        assert (logits(text) == before).all()  # The hooks are gone.
    with pytest.raises(RuntimeError), circuit.kept(model):
        raise RuntimeError
    assert (logits(texts[-1]) == before).all()


def test_kept_and_removed_are_complements(sums: pd.DataFrame, tmp_path: Path) -> None:
    model = drawn_model("llama")
    circuit = found_circuit(saved(model), sums, "mlp", "neuron", tmp_path / "run")
    complement = cp.Circuit({name: 1 - inside for name, inside in circuit.members.items()}, circuit.metadata)
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        with circuit.kept(model):
            kept = model(ids).logits
        with complement.removed(model):
            assert torch.equal(model(ids).logits, kept)


def test_a_model_in_memory_is_saved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = drawn_model("gpt2")
    first = cp.Model.from_torch(model)
    saves: list[str] = []
    monkeypatch.setattr(type(model), "save_pretrained", lambda *_given, **_named: saves.append("saved"))
    assert cp.Model.from_torch(model).folder == first.folder and not saves
    monkeypatch.undo()
    with torch.no_grad():
        model.transformer.ln_f.bias.add_(1)
    assert cp.Model.from_torch(model).folder != first.folder


def test_check_finds_a_changed_weight() -> None:
    model = drawn_model("llama")
    folder = saved(model)
    assert folder.check(against=model, texts=["123"]) < 2e-5
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 5] += 0.5
    assert folder.check(against=model, texts=["123"]) > 1e-4
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    with pytest.raises(cp.InputError, match="NaN"):
        folder.check(against=model, texts=["123"])


def test_weights_of_other_types_are_kept() -> None:
    model = drawn_model("llama").to(torch.bfloat16)
    folder = saved(model)
    assert folder.check(against=model.float(), texts=["123"]) < 2e-5


def test_what_is_not_a_plain_model_is_refused() -> None:
    with pytest.raises(cp.InputError, match="not a model of transformers"):
        cp.Model.from_torch(torch.nn.Linear(2, 2))
    model = drawn_model("gpt2")
    model.transformer.h[0].attn.c_attn.base_layer = torch.nn.Linear(2, 2)
    with pytest.raises(cp.InputError, match="merge_and_unload"):
        cp.Model.from_torch(model)
    empty = drawn_model("gpt2")
    empty.lm_head.weight = torch.nn.Parameter(torch.empty(8, 24, device="meta"))
    with pytest.raises(cp.InputError, match="'meta'"):
        cp.Model.from_torch(empty)


def test_a_circuit_does_not_fit_another_model(sums: pd.DataFrame, tmp_path: Path) -> None:
    circuit = found_circuit(saved(drawn_model("llama")), sums, "mlp", "neuron", tmp_path / "run")
    with pytest.raises(cp.InputError, match="0 modules of GPT2LMHeadModel"), circuit.removed(drawn_model("gpt2")):
        pass
