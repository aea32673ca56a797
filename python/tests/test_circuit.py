from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import circuitprobe as cp


def test_a_circuit_survives_its_file(run: cp.Results, tmp_path: Path) -> None:
    circuit = run.circuit("a", 0, "mlp")
    again = cp.Circuit.load(circuit.save(tmp_path / "a.safetensors"))
    assert again == circuit and again.metadata == circuit.metadata
    assert again.scores.keys() == circuit.scores.keys()
    with pytest.raises(cp.InputError, match="not a circuit file"):
        cp.Circuit.load(run.out / "results.csv")


def with_units(circuit: cp.Circuit, seed: int) -> cp.Circuit:
    """The same matrices with drawn units."""
    drawn = np.random.default_rng(seed)
    members = {name: drawn.integers(0, 2, inside.shape) for name, inside in circuit.members.items()}
    return cp.Circuit(members, circuit.metadata)


def test_sets_of_units(run: cp.Results) -> None:
    one, two = (with_units(run.circuit("a", 0, "mlp"), seed) for seed in (1, 2))
    for name in one.members:
        assert ((one & two).members[name] == (one.members[name] & two.members[name])).all()
        assert ((one | two).members[name] == (one.members[name] | two.members[name])).all()
        assert ((one - two).members[name] == (one.members[name] & ~two.members[name] & 1)).all()
    compared = one.compare(two)
    assert len(compared) == 1 and "all" in compared[0]


def test_masks_of_neurosurgeon_become_a_circuit() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Masked(torch.nn.Linear):  # type: ignore[misc, name-defined]
        def __init__(self, parameters: list[float]) -> None:
            super().__init__(4, 3)
            self.weight_mask_params = torch.nn.Parameter(torch.tensor(parameters))

    model = torch.nn.ModuleDict(
        {
            "layers": torch.nn.ModuleList(
                [torch.nn.ModuleDict({"mlp": Masked([1.0, -1.0, 2.0]), "attn": Masked([1.0] * 3)})]
            )
        }
    )
    circuit = cp.Circuit.from_neurosurgeon(model, component="L0.mlp", variable="a")
    assert circuit.members["layers.0.mlp.weight"].tolist() == [1, 0, 1]
    assert list(circuit.members) == ["layers.0.mlp.weight"] and circuit.unit == "neuron"
    with pytest.raises(cp.InputError, match="no mask"):
        cp.Circuit.from_neurosurgeon(model, component="L1.mlp")


def test_options_become_words() -> None:
    from circuitprobe.circuit import option_words

    assert option_words({"random_controls": 3, "quiet": True, "overwrite": False, "fill": ["zero", "mean"]}) == [
        "--random-controls",
        "3",
        "--quiet",
        "--fill",
        "zero",
        "--fill",
        "mean",
    ]
    assert option_words({"checkpoints": [1, 2], "retry": None}) == ["--checkpoints", "1,2"]


def test_circuits_of_other_blocks_do_not_mix(run: cp.Results) -> None:
    with pytest.raises(cp.InputError):
        _ = run.circuit("a", 0, "mlp") & run.circuit("a", 0, "attn")


def test_ablation_on_texts_and_on_a_spec(run: cp.Results, toy: cp.Model) -> None:
    circuit = with_units(run.circuit("a", 0, "mlp"), 1)
    table = circuit.ablate(toy, next=["34=", "5"], of=["0", "1"])
    assert table["text"].tolist() == ["34=", "34=", "5", "5"]
    assert (table["untouched"] != table["ablated"]).any()
    on_spec = run.circuit("a", 0, "mlp").ablate(spec=run.out / "spec.json")
    assert len(on_spec) > 0
