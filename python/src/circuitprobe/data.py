"""Tables in memory as the engine's CSV files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from circuitprobe.errors import CprobeError, InputError

#: A table, or the path of a CSV file.
Table = pd.DataFrame | str | os.PathLike[str]


def write_file(path: Path, content: bytes) -> None:
    """Writes the file as a whole or not at all. Raises: CprobeError, of a full disk for example."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise CprobeError(f"{path}: cannot write: {error.strerror}") from error


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
            where = f"row {_label(table.index, missing[0])}"
            n_others = len(missing) - 1
            others = f" and {n_others} other {'row' if n_others == 1 else 'rows'}" if n_others > 0 else ""
            raise InputError(f"column '{column}' has no value in {where}{others}; drop these rows or fill them")
    written = pd.DataFrame({column: _without_truth(table[column]) for column in sorted(names)})
    return written.to_csv(index=False, lineterminator="\n").encode()


def _without_truth(column: pd.Series[Any]) -> pd.Series[Any]:
    """Truth values as JSON has them, so that a spec can name them: true, false."""
    if column.dtype.name not in ("bool", "boolean", "object", "category"):
        return column
    words = {True: "true", False: "false"}
    return column.astype(object).map(lambda v: words[bool(v)] if isinstance(v, bool | np.bool_) else v)


def _label(index: pd.Index[Any], place: int) -> str:
    """What a row is called: 5, 'a'."""
    return repr(index[place : place + 1].tolist()[0])


def digest(content: bytes) -> str:
    """Sixteen hexadecimal digits of a hash."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


class DataFiles:
    """Tables of a call, to be written into the run's folder once it is known."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._tables: dict[str, tuple[str, pd.Index[Any]]] = {}

    def add(self, argument: str, table: Table, used: Collection[str]) -> str:
        """What stands for the table in a spec until `write_to`: its digest; a path is its own name.

        Args:
            argument: that the caller gave the table as, for messages.

        Raises: InputError for what is neither, and as `csv_bytes`.
        """
        if isinstance(table, str | os.PathLike):
            return os.fspath(table)
        if not isinstance(table, pd.DataFrame):
            raise InputError(
                f"{argument}: a DataFrame or the path of a CSV file is expected, not a {type(table).__name__}"
            )
        content = csv_bytes(table, used)
        name = digest(content) + ".csv"
        self._contents[name] = content
        self._tables[name] = argument, table.index
        return name

    def write_to(self, folder: Path) -> dict[str, str]:
        """Writes the tables to folder/data. Returns the path of each name."""
        paths = {}
        for name, content in self._contents.items():
            path = folder / "data" / name
            if not path.exists() or path.read_bytes() != content:
                write_file(path, content)
            paths[name] = str(path)
        return paths

    def remove_from(self, folder: Path) -> None:
        """Removes what `write_to` wrote, and the folders if nothing else is in them."""
        with contextlib.suppress(OSError):
            for name in self._contents:
                (folder / "data" / name).unlink(missing_ok=True)
            (folder / "data").rmdir()
            folder.rmdir()

    def in_words_of_tables(self, message: str, folder: Path) -> str:
        """The message with a table, and its row, in place of the file that was made of it, and its line."""
        for name, (argument, index) in self._tables.items():
            file = str(folder / "data" / name)
            line = re.search(re.escape(file) + r":(\d+)", message)
            is_line_each = self._contents[name].count(b"\n") == len(index) + 1
            if line and is_line_each and int(line[1]) > 1:  # The first line has the columns.
                message = message.replace(line[0], f"{argument}, row {_label(index, int(line[1]) - 2)}")
            message = message.replace(file, argument)
        return message
