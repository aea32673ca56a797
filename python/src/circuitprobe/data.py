"""Tables in memory as the engine's CSV files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from circuitprobe.errors import InputError

#: A table, or the path of a CSV file.
Table = pd.DataFrame | str | os.PathLike[str]


def csv_bytes(table: pd.DataFrame, used: Collection[str]) -> bytes:
    """The table as CSV: the same bytes for the same table, whatever the order of its columns, as a
    cell's identity knows them.

    Args:
        used: columns that the engine will read.

    Raises: InputError for a missing value in a column of `used`, and for columns without names of their own.
    """
    names = list(table.columns)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise InputError(f"columns of the data need names that are text, each once; found {names}")
    for column in sorted(set(used) & set(names)):  # The engine refuses the others.
        missing = table[column].isna().to_numpy().nonzero()[0]
        if len(missing) > 0:
            where = f"row {table.index[missing[0]]!r}"
            others = f" and {len(missing) - 1} other rows" if len(missing) > 1 else ""
            raise InputError(f"column '{column}' has no value in {where}{others}; drop these rows or fill them")
    written = pd.DataFrame({column: _without_truth(table[column]) for column in sorted(names)})
    return written.to_csv(index=False, lineterminator="\n").encode()


def _without_truth(column: pd.Series[Any]) -> pd.Series[Any]:
    """Truth values as JSON has them, so that a spec can name them: true, false."""
    if column.dtype.name not in ("bool", "boolean", "object", "category"):
        return column
    words = {True: "true", False: "false"}
    return column.astype(object).map(lambda v: words[bool(v)] if isinstance(v, bool | np.bool_) else v)


def digest(content: bytes) -> str:
    """Sixteen hexadecimal digits of a hash."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class DataFiles:
    """Tables of a call, to be written into the run's folder once it is known."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def add(self, table: Table, used: Collection[str]) -> str:
        """What stands for the table in a spec until `write_to`: its digest; a path is its own name."""
        if not isinstance(table, pd.DataFrame):
            return os.fspath(table)
        content = csv_bytes(table, used)
        name = digest(content) + ".csv"
        self._contents[name] = content
        return name

    def write_to(self, folder: Path) -> dict[str, str]:
        """Writes the tables to folder/data. Returns the path of each name."""
        paths = {}
        for name, content in self._contents.items():
            path = folder / "data" / name
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_bytes(content)
                partial.replace(path)
            paths[name] = str(path)
        return paths
