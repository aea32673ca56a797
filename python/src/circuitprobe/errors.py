"""What can go wrong. Messages are the engine's own sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuitprobe.results import Results


class CprobeError(Exception):
    """The work could not be done: a full disk, no memory, a bug. Base class of the others."""


class InputError(CprobeError, ValueError):
    """Something that was given is wrong: data, a model, an option."""


class CellsFailed(CprobeError):
    """Some cells of a run failed. `results` has the others."""

    def __init__(self, message: str, results: Results) -> None:
        super().__init__(message)
        self.results = results


class EngineNotFoundError(CprobeError, FileNotFoundError):
    """There is no program `cprobe`."""


class EngineVersionError(CprobeError):
    """The program `cprobe` is of a version that this package does not know."""
