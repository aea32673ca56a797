"""Does a transformer have a hypothesised variable, where, and does its behaviour depend on it?

`import circuitprobe as cp`: `probe` finds circuits of variables in a model and says what they can
tell beside those of variables that nothing can compute. All numbers are the engine's, the program
`cprobe` (see `find_engine`); this package hands it models and tables, and reads what it writes.
"""

from circuitprobe.calls import baselines, fit, methods, plan, probe, reproduce, train
from circuitprobe.circuit import Circuit
from circuitprobe.engine import engine_versions, find_engine, set_engine
from circuitprobe.errors import (
    CellsFailed,
    CprobeError,
    EngineNotFoundError,
    EngineVersionError,
    InputError,
)
from circuitprobe.model import Model
from circuitprobe.results import Results, concat, load

__version__ = "0.2.0"

__all__ = [
    "CellsFailed",
    "Circuit",
    "CprobeError",
    "EngineNotFoundError",
    "EngineVersionError",
    "InputError",
    "Model",
    "Results",
    "baselines",
    "concat",
    "engine_versions",
    "find_engine",
    "fit",
    "load",
    "methods",
    "plan",
    "probe",
    "reproduce",
    "set_engine",
    "train",
]
