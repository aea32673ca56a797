"""A toy model that reads sentences such as "3 4 =", and runs on it, made once by the engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

import circuitprobe as cp

REPOSITORY = Path(__file__).resolve().parents[2]

#: a + b mod 7 over the tokens a, b and 7.
TASK = {
    "name": "toy",
    "modulus": 7,
    "operands": ["a", "b"],
    "tokens": ["a", "b", 7],
    "answer": "(a + b) % p",
    "variables": {"var_0": "a"},
    "auxiliaries": {"aux_0": "b"},
    "train_fraction": 0.6,
}

#: Digits are themselves, "=" is token 7.
TOKENIZER = {
    "model": {"type": "BPE", "vocab": {**{str(d): d for d in range(7)}, "=": 7}, "merges": []},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "normalizer": None,
    "added_tokens": [],
    "decoder": None,
}

#: Keys of a spec that make a run take seconds.
SMALL = {
    "fit": {"epochs": 3, "batch_size": 8},
    "evaluate": {"exemplar_draws": 3, "random_controls": 2, "null_variables": 2},
}


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    if not os.environ.get("CPROBE"):
        os.environ["CPROBE"] = str(REPOSITORY / "build/release/cprobe")


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> cp.Model:
    out = tmp_path_factory.mktemp("toy")
    training = cp.train(TASK, out=out / "training", steps=20, d_model=16, d_mlp=32, threads=1)
    (training.model.folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    return training.model


@pytest.fixture(scope="session")
def sums() -> pd.DataFrame:
    """Sentences with their operands: `a` as a word, `b` as a number, `even` as a truth value."""
    pairs = [(a, b) for a in range(7) for b in range(7)]
    names = ["zero", "one", "two", "three", "four", "five", "six"]
    return pd.DataFrame(
        {
            "sentence": [f"{a}{b}=" for a, b in pairs],
            "a": [names[a] for a, _ in pairs],
            "b": [b for _, b in pairs],
            "even": [a % 2 == 0 for a, _ in pairs],
            "unused": [None if b == 3 else "x" for _, b in pairs],
        }
    )


@pytest.fixture(scope="session")
def run(toy: cp.Model, sums: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> cp.Results:
    """A finished run of two variables in both blocks, with the model's answers to the even ones."""
    expect = {"continuation": "0", "against": ["1"], "where": {"even": True}}
    return cp.probe(toy, sums, ["a", "even"], expect=expect, out=tmp_path_factory.mktemp("run"), **SMALL)
