"""Circuits: files of a run, set operations, and hooks on models in memory."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

from circuitprobe import engine
from circuitprobe.errors import InputError
from circuitprobe.model import as_model, require_own_weights

if TYPE_CHECKING:
    import torch

#: Numbers or truth values of units.
Array = np.ndarray[Any, Any]

_SCORES = "scores/"


class Circuit:
    """A set of units of one or several weight matrices, as the engine keeps it.

    Attributes:
        metadata: text by name: unit, component or components, variable, seed, model_fingerprint, ...
        members: for each matrix, by its name in the checkpoint, 1 inside the circuit: `[n_out]` of unit
            neuron, the checkpoint's shape of unit weight, `[n_heads]` of unit head (values only).
        scores: the mask's parameters, of the same shapes; empty for circuits that were not trained.
    """

    def __init__(
        self,
        members: dict[str, Array],
        metadata: dict[str, str],
        scores: dict[str, Array] | None = None,
    ) -> None:
        self.members = {name: np.asarray(inside, dtype=np.uint8) for name, inside in members.items()}
        self.metadata = dict(metadata)
        self.scores = dict(scores or {})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Circuit:
        """Reads a circuit file.

        Raises: InputError if the file is not one.
        """
        try:
            with safe_open(path, "np") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except Exception as error:
            raise InputError(f"{os.fspath(path)}: not a circuit file: {error}") from error
        if not metadata.get("format", "").startswith("cprobe circuit"):
            raise InputError(f"{os.fspath(path)}: not a circuit file of cprobe")
        members = {name: tensor for name, tensor in tensors.items() if not name.startswith(_SCORES)}
        scores = {name[len(_SCORES) :]: t for name, t in tensors.items() if name.startswith(_SCORES)}
        return cls(members, metadata, scores)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the circuit as the engine reads it. Returns the path."""
        tensors = dict(self.members)
        tensors.update({_SCORES + name: np.asarray(t, np.float32) for name, t in self.scores.items()})
        save_file(tensors, path, self.metadata)
        return Path(path)

    @property
    def unit(self) -> str:
        """neuron, weight or head."""
        return self.metadata["unit"]

    @property
    def components(self) -> list[str]:
        """Such as ["L0.attn"]."""
        return (self.metadata.get("component") or self.metadata["components"]).split(", ")

    @property
    def n_units(self) -> int:
        """Units inside."""
        return sum(int(inside.sum()) for inside in self.members.values())

    @property
    def max_units(self) -> int:
        """Units that could be inside."""
        return sum(inside.size for inside in self.members.values())

    def __repr__(self) -> str:
        variable = self.metadata.get("variable")
        of = f" of {variable}" if variable else ""
        return f"<Circuit{of} in {', '.join(self.components)}: {self.n_units} of {self.max_units} units ({self.unit})>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Circuit)
            and self.unit == other.unit
            and self.members.keys() == other.members.keys()
            and all(np.array_equal(inside, other.members[name]) for name, inside in self.members.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Circuit) -> Circuit:
        """Units of both."""
        return self._combined("intersection", other)

    def __or__(self, other: Circuit) -> Circuit:
        """Units of either."""
        return self._combined("union", other)

    def __sub__(self, other: Circuit) -> Circuit:
        """Units of this one alone."""
        return self._combined("difference", other)

    def _combined(self, operation: str, other: Circuit) -> Circuit:
        with _saved(self, other) as paths:
            out = paths[0].parent / "made.safetensors"
            engine.call(["compare", *paths, f"--{operation}", out])
            made = Circuit.load(out)
        made.metadata["made_of"] = ", ".join(path.stem for path in paths)
        return made

    def compare(self, *others: Circuit, model: Any = None) -> list[dict[str, Any]]:
        """What pairs of circuits have in common, beside chance, as `cprobe compare --json`.

        Args:
            model: their model, or its folder, for numbers of weights.
        """
        with _saved(self, *others) as paths:
            of: list[str | Path] = [] if model is None else ["--model", as_model(model).folder]
            return engine.call_lines(["compare", *paths, *of])

    def ablate(
        self,
        model: Any = None,
        *,
        tokenizer: Any = None,
        spec: str | os.PathLike[str] | None = None,
        data: str | os.PathLike[str] | None = None,
        next: str | Sequence[str] | None = None,
        of: str | Sequence[str] = (),
        **options: Any,
    ) -> pd.DataFrame:
        """Ablates the circuit: on every data set of a spec, on rows of tokens, or on texts.

        Args:
            model: folder, id or model; not with `spec`.
            next: texts; the result has the next tokens of the untouched and of the ablated model.
            options: further options of `cprobe ablate`, such as random_controls=39.

        Returns: with `next` columns text, token, untouched, ablated (logits); else a row per figure.
        """
        words: list[str | os.PathLike[str]] = [] if spec is None else ["--spec", spec]
        if model is not None:
            words += ["--model", as_model(model, tokenizer).folder]
        if data is not None:
            words += ["--data", data]
        words += option_words(options)
        with _saved(self) as (path,):
            if next is None:
                return pd.DataFrame(engine.call_lines(["ablate", path, *words]))
            texts = [next] if isinstance(next, str) else list(next)
            words += [word for token in ([of] if isinstance(of, str) else of) for word in ("--of", token)]
            given = "".join(json.dumps(text) + "\n" for text in texts)
            found = engine.call_lines(["ablate", path, *words, "--next", "-"], text=given)
        rows = []
        for text, pair in zip(texts, found, strict=True):
            before, after = (
                dict(pair[side]["of"]) or {t["token"]: t["logit"] for t in pair[side]["top"]}
                for side in ("untouched", "circuit_removed")
            )
            rows += [(text, token, before.get(token), after.get(token)) for token in {**before, **after}]
        return pd.DataFrame(rows, columns=["text", "token", "untouched", "ablated"])

    def to_torch(self) -> dict[str, torch.Tensor]:
        """`members` as bool tensors."""
        import torch

        return {name: torch.from_numpy(inside.astype(bool)) for name, inside in self.members.items()}

    @classmethod
    def from_neurosurgeon(cls, model: Any, *, component: str, variable: str = "") -> Circuit:
        """The masks of a model of NeuroSurgeon that it has found: units whose mask parameter is above 0.

        Args:
            model: a model whose layers have `weight_mask_params`, as NeuroSurgeon's circuit models have.
            component: whose masks, such as "L0.attn"; those of other components are left out.

        Raises: InputError if there are none, or if some are over neurons and others over weights.
        """
        layer, block = component.removeprefix("L").split(".")
        members: dict[str, Array] = {}
        kinds: set[tuple[str, str]] = set()
        for name, module in model.named_modules():
            parameters = getattr(module, "weight_mask_params", None)
            if parameters is None:
                continue
            if f".{layer}." not in name or ("att" in name.lower()) != (block == "attn"):
                continue
            kept = (parameters.detach().float().cpu().numpy() > 0).astype(np.uint8)
            is_conv = not hasattr(module, "in_features")
            is_weight = kept.shape == tuple(module.weight.shape)
            kinds.add(("weight" if is_weight else "neuron", "n_in, n_out" if is_conv else "n_out, n_in"))
            kept = kept if is_weight else kept.reshape(-1)
            members[name.split("wrapped_model.")[-1] + ".weight"] = kept
        if not members:
            raise InputError(f"the model has no mask of NeuroSurgeon (weight_mask_params) in {component}")
        if len(kinds) > 1:
            raise InputError(f"{component}: masks of several kinds: {sorted(kinds)}")
        ((unit, axes),) = kinds
        form = "cprobe circuit 3" if unit == "weight" and axes == "n_out, n_in" else "cprobe circuit 1"
        where = "components" if form.endswith("3") else "component"
        metadata = {"format": form, where: component, "unit": unit, "checkpoint_axes": axes}
        if variable:
            metadata["variable"] = variable
        return cls(members, metadata)

    @contextlib.contextmanager
    def removed(self, model: Any) -> Iterator[None]:
        """A `transformers` model without the circuit: within the block, what its units add is 0; biases stay."""
        with _hooked(model, self, keep=False):
            yield

    @contextlib.contextmanager
    def kept(self, model: Any) -> Iterator[None]:
        """A `transformers` model in which the circuit's matrices have nothing but the circuit."""
        with _hooked(model, self, keep=True):
            yield


#: Options that stand once for each value.
_REPEATED = ("fill", "train", "test")


def option_words(options: dict[str, Any]) -> list[str | os.PathLike[str]]:
    """Options as words of a command line: `random_controls=3` is `--random-controls 3`,
    `overwrite=True` is `--overwrite`, a list is joined by commas; None and False are left out."""
    words: list[str | os.PathLike[str]] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool | np.bool_):
            words += [option] if value else []
        elif isinstance(value, str | os.PathLike):
            words += [option, value]
        elif isinstance(value, Iterable) and name in _REPEATED:
            words += [word for one in value for word in (option, os.fspath(one))]
        elif isinstance(value, Iterable):
            words += [option, ",".join(map(str, value))]
        elif value is not None:
            words += [option, str(value)]
    return words


@contextlib.contextmanager
def _saved(*circuits: Circuit) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory() as folder:
        yield [c.save(Path(folder) / f"{_name(c)}-{i + 1}.safetensors") for i, c in enumerate(circuits)]


def _name(circuit: Circuit) -> str:
    """What messages call a circuit that has no file."""
    words = [circuit.metadata.get("variable", "circuit"), *circuit.components]
    return re.sub(r"[^\w.-]", "_", ".".join(words))


@contextlib.contextmanager
def _hooked(model: Any, circuit: Circuit, keep: bool) -> Iterator[None]:
    require_own_weights(model)
    if hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None:
        raise InputError(
            f"{type(model).__name__} is compiled, and compiled models do not heed hooks: use the model itself"
        )
    handles = []
    try:
        for name, inside in circuit.members.items():
            module = _module(model, name)
            hook = _hook(module, name, inside != 0, circuit.unit, keep, model.config)
            handles.append(module.register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _module(model: Any, name: str) -> Any:
    """The module whose weight has a name in the checkpoint, whatever stands before the name."""
    path = name.removesuffix(".weight")
    fitting = [m for n, m in model.named_modules() if n == path or n.endswith("." + path)]
    if len(fitting) != 1:
        raise InputError(f"{name}: {len(fitting)} modules of {type(model).__name__} have this name, not one")
    return fitting[0]


def _hook(module: Any, name: str, inside: Array, unit: str, keep: bool, config: Any) -> Callable[[Any, Any, Any], Any]:
    import torch
    from transformers.pytorch_utils import Conv1D

    if not isinstance(module, torch.nn.Linear | Conv1D):
        raise InputError(f"{name}: a {type(module).__name__}, neither Linear nor Conv1D")
    weight = module.weight
    is_linear = isinstance(module, torch.nn.Linear)
    if unit == "head":
        n_out = weight.shape[0 if is_linear else 1]
        inside, concerned = _values_of_heads(name, inside, n_out, config)
    else:
        concerned = np.ones_like(inside)
    removed = (~inside if keep else inside) & concerned.astype(bool)
    gone = torch.from_numpy(removed.copy()).to(weight.device)
    if unit == "weight":
        if tuple(gone.shape) != tuple(weight.shape):
            raise InputError(f"{name}: the circuit has shape {list(gone.shape)}, the model {list(weight.shape)}")

        def without_weights(module: Any, inputs: Any, output: Any) -> Any:
            taken = module.weight * gone
            return output - inputs[0] @ (taken.T if is_linear else taken)

        return without_weights
    if len(gone) != weight.shape[0 if is_linear else 1]:
        raise InputError(f"{name}: the circuit has {len(gone)} units, the model's matrix {list(weight.shape)}")

    def without_outputs(module: Any, _inputs: Any, output: Any) -> Any:
        left = output.new_zeros(()) if module.bias is None else module.bias
        return torch.where(gone, left, output)  # (output - bias) * (not gone) + bias, without rounding.

    return without_outputs


def _values_of_heads(name: str, heads: Array, n_out: int, config: Any) -> tuple[Array, Array]:
    """Which outputs of a matrix are values of the given heads, and which are values of any: bool [n_out]."""
    n_heads = len(heads)
    every = np.zeros(n_out, dtype=bool)
    inside = np.zeros(n_out, dtype=bool)
    matrix = name.removesuffix(".weight").rsplit(".", 1)[-1]
    if matrix == "query_key_value":  # GPT-NeoX: queries, keys and values of each head in turn.
        width = n_out // (3 * n_heads)
        first = [head * 3 * width + 2 * width for head in range(n_heads)]
    else:
        if matrix == "c_attn":  # GPT-2: all queries, all keys, all values.
            n_values = n_out // 3
        elif matrix == "qkv_proj":  # Phi-3: the same, with fewer keys and values.
            head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
            n_values = n_heads * head_dim
        else:  # A matrix of values alone.
            n_values = n_out
        width = n_values // n_heads
        first = [n_out - n_values + head * width for head in range(n_heads)]
    for head, begin in enumerate(first):
        every[begin : begin + width] = True
        inside[begin : begin + width] = bool(heads[head])
    return inside, every
