"""Models: folders, models of the Hugging Face Hub, models in memory."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors import safe_open

from circuitprobe import engine
from circuitprobe.errors import CprobeError, InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: What the engine reads of a repository on the Hub.
HUB_FILES = ["*.json", "*.safetensors", "merges.txt", "vocab.txt"]

#: Texts for `Model.check`: words, numbers, other alphabets.
CHECK_TEXTS = (
    "The keys to the cabinet are on the table.",
    "In 1969, 3 people went to the moon and back.",
    "Ein Satz, une phrase, una frase: naïve café.",
)


class Model:
    """A model folder that the engine reads.

    Attributes:
        folder: config.json, model.safetensors and the tokenizer's files.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"Model({str(self.folder)!r})"

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], *, revision: str | None = None) -> Model:
        """A folder, or a model of the Hub by its id, which is downloaded (extra `hub`).

        Raises: InputError if it is neither.
        """
        if Path(name).is_dir():
            return cls(name)
        text = os.fspath(name)
        if text.count("/") > 1 or text.startswith((".", "/", "~")):
            raise InputError(f"{text}: no such folder")
        try:
            from huggingface_hub import snapshot_download
        except ImportError:
            raise InputError(
                f"{text}: no such folder; for a model of the Hugging Face Hub, pip install 'circuitprobe[hub]'"
            ) from None
        try:
            return cls(snapshot_download(text, revision=revision, allow_patterns=HUB_FILES))
        except (OSError, ValueError) as error:  # As its errors are: no such model, no connection, no valid name.
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise CprobeError(f"{text}: cannot download: {error}") from error
            raise InputError(f"{text}: no such folder, and not from the Hugging Face Hub either: {error}") from error

    @classmethod
    def from_torch(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None = None) -> Model:
        """A `transformers` model in memory, saved once to a cache by the names, types and bytes of its
        weights: `$XDG_CACHE_HOME/circuitprobe/models`, by default in `~/.cache`.

        Raises: InputError for unmerged adapters, quantised weights, weights on the device `meta`, and
        objects that are not `transformers` models.
        """
        _require_plain(model)
        folder = _cache() / _key(model, tokenizer)
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
            try:
                model.save_pretrained(partial, safe_serialization=True)
                if tokenizer is not None:
                    _plain_tokenizer(tokenizer).save_pretrained(partial)
                if not folder.exists():
                    partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return cls(folder)

    def describe(self) -> dict[str, Any]:
        """Sizes, matrices and fingerprint, as `cprobe inspect --json`."""
        description: dict[str, Any] = engine.call_json(["inspect", self.folder])
        return description

    def tokens(self, text: str) -> pd.DataFrame:
        """Ids and tokens of a text, special ones included: columns `id`, `token`."""
        found = engine.call_lines(["inspect", self.folder, "--tokens", "-"], text=json.dumps(text) + "\n")[0]
        return pd.DataFrame({"id": found["ids"], "token": found["tokens"]})

    def next(self, text: str, of: str | Sequence[str] = ()) -> pd.DataFrame:
        """The ten likeliest next tokens of a text, or those of `of`: columns `token`, `logit`, `probability`."""
        of = [of] if isinstance(of, str) else of
        named = [word for token in of for word in ("--of", token)]
        found = engine.call_lines(["inspect", self.folder, "--next", "-", *named], text=json.dumps(text) + "\n")[0]
        if of:
            rows = [(t, found["of"][t], found["of_probability"][t]) for t in of]
            return pd.DataFrame(rows, columns=["token", "logit", "probability"])
        return pd.DataFrame(found["top"])[["token", "logit", "probability"]]

    def logits(self, ids: Sequence[Sequence[int]]) -> list[np.ndarray[Any, Any]]:
        """The engine's logits behind every token of rows of ids: [length, vocab] float32 for each row."""
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / "ids.json"
            rows.write_text(json.dumps([list(map(int, row)) for row in ids]))
            out = Path(folder) / "logits.safetensors"
            engine.call(["inspect", self.folder, "--logits", rows, "--out", out])
            with safe_open(out, "np") as file:
                logits = file.get_tensor("logits")
        return [logits[i, : len(row)] for i, row in enumerate(ids)]

    def check(self, against: Any, texts: Sequence[str] = CHECK_TEXTS) -> float:
        """How far the engine is from `against`, a `transformers` model: the largest difference of logits
        on a few texts, relative to the largest logit (float32: 1e-5 and less is rounding).

        The texts are tokenized by the engine; without a tokenizer, ids are drawn.

        Raises: InputError without texts, and where a logit of either is no number.
        """
        import torch

        if not texts:
            raise InputError("check: no text to compare logits on")

        if any(list(self.folder.glob(name)) for name in ("tokenizer.json", "vocab.json")):
            rows = [list(self.tokens(text)["id"]) for text in texts]
        else:
            drawn = np.random.default_rng(0)
            rows = [list(drawn.integers(0, against.config.vocab_size, 8)) for _ in texts]
        ours = self.logits(rows)
        worst = 0.0
        was_training = against.training
        against.eval()
        try:
            for row, logits in zip(rows, ours, strict=True):
                with torch.no_grad():
                    ids = torch.tensor([row], device=against.device)
                    theirs = against(ids).logits[0].float().cpu().numpy()
                if not (np.isfinite(theirs).all() and np.isfinite(logits).all()):
                    raise InputError("check: a logit is NaN or infinite; float16 and bfloat16 may overflow")
                worst = max(worst, float(np.abs(theirs - logits).max() / np.abs(theirs).max()))
        finally:
            against.train(was_training)
        return worst


def as_model(model: Any, tokenizer: Any = None, revision: str | None = None) -> Model:
    """What a caller calls a model: a Model, a folder, an id of the Hub or a `transformers` model."""
    if isinstance(model, pd.DataFrame):
        raise InputError("a DataFrame stands in the place of the model: the model comes first, then the data")
    is_in_memory = not isinstance(model, Model | str | os.PathLike)
    if tokenizer is not None and not is_in_memory:
        raise InputError("tokenizer= belongs to a model in memory; a folder has its own tokenizer")
    if revision is not None and not isinstance(model, str):
        raise InputError("revision= belongs to a model of the Hugging Face Hub")
    if isinstance(model, Model):
        return model
    return Model.from_torch(model, tokenizer) if is_in_memory else Model.from_pretrained(model, revision=revision)


def _plain_tokenizer(tokenizer: Any) -> Any:
    """A copy without the padding and truncation that a call leaves behind."""
    plain = copy.deepcopy(tokenizer)
    if hasattr(plain, "backend_tokenizer"):
        plain.backend_tokenizer.no_padding()
        plain.backend_tokenizer.no_truncation()
    return plain


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "circuitprobe" / "models"


def _require_plain(model: Any) -> None:
    kind = type(model).__name__
    if not hasattr(model, "save_pretrained") or not hasattr(model, "config"):
        raise InputError(
            f"{kind}: not a model of transformers; save it in a form that transformers reads, and give the folder"
        )
    require_own_weights(model)


def require_own_weights(model: Any) -> None:
    """Raises InputError if a model's matrices are not what its modules say: adapters, quantised weights,
    weights on the device `meta`."""
    kind = type(model).__name__
    if any(hasattr(module, "base_layer") for module in model.modules()):
        raise InputError(f"{kind} has an adapter; merge it first (peft: model = model.merge_and_unload())")
    if getattr(model, "is_quantized", False) or getattr(model, "quantization_method", None) is not None:
        raise InputError(f"{kind} is quantised; load it in bfloat16 or float32")
    for name, tensor in model.state_dict().items():
        if tensor.device.type == "meta":
            raise InputError(f"{name} is on the device 'meta': its numbers are not loaded")


#: Keys of a configuration that saving or loading changes, and that change no number.
_OF_NO_NUMBER = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}


def _key(model: Any, tokenizer: Any) -> str:
    import torch

    key = hashlib.blake2b(digest_size=16)
    settings = {name: value for name, value in model.config.to_dict().items() if name not in _OF_NO_NUMBER}
    key.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        key.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        key.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    if tokenizer is not None:
        with tempfile.TemporaryDirectory() as folder:
            _plain_tokenizer(tokenizer).save_pretrained(folder)
            for file in sorted(Path(folder).iterdir()):
                key.update(file.name.encode() + file.read_bytes())
    return key.hexdigest()
