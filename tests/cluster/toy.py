"""A grid of quick cells on a small trained model, and checks of the grid's run folder, however the
folder was computed."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

SKIPPED = 77  # The exit code that ctest takes for "skipped".
N_CELLS = 12

TASK = """
name: toy
modulus: 7
operands: [a, b]
tokens: [a, b, 7]
answer: (a + b) % p
variables: {var_0: a}
auxiliaries: {aux_0: b}
train_fraction: 0.6
"""

SPEC = """
model: {toy}/final
task: {{train: {toy}/data/train.csv, test: {toy}/data/test.csv}}
variables: [var_0]
blocks: [attn, mlp]
seeds: [0, 1, 2]
fit: {{epochs: 300, batch_size: 8}}
evaluate: {{exemplar_draws: 3, random_controls: 2}}
"""


class Skip(Exception):
    """This machine lacks what the test needs."""


class Toy:
    """A model of two layers, a spec with N_CELLS cells, and the run folder that one undisturbed
    process made."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.spec = folder / "spec.yaml"
        self.reference = folder / "reference"
        task = folder / "task.yaml"
        task.write_text(TASK)
        toy = folder / "toy"
        subprocess.run([program, "train", task, "--out", toy, "--steps", "20", "--d-model", "16", "--d-mlp", "32",
                        "--layers", "2", "--threads", "1"], check=True, capture_output=True)
        self.spec.write_text(SPEC.format(toy=toy))
        subprocess.run(self.fit(self.reference), check=True, capture_output=True)
        expect("cells of one process", count_done(self.reference), N_CELLS)

    def fit(self, out, *options):
        """The command that computes the grid."""
        return [self.program, "fit", self.spec, "--out", out, "--jobs", "1", "--threads", "1", "--quiet", *options]

    def merge(self, out):
        return [self.program, "merge", out]

    def expect_same_results(self, out):
        def files(folder):
            found = [folder / "results.csv", folder / "metrics.csv", *(folder / "circuits").glob("*")]
            return {path.relative_to(folder): path.read_bytes() for path in found}

        ours, theirs = files(out), files(self.reference)
        expect(f"files of {out.name}", sorted(map(str, ours)), sorted(map(str, theirs)))
        expect(f"files of {out.name} that differ", [str(name) for name in theirs if ours[name] != theirs[name]], [])


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found}, and not {wanted}")


def cells(folder, status, of_last_call=False):
    """The cells of a record that have a status; none if there is no record yet."""
    query = "SELECT id FROM cells WHERE status = ?"
    if of_last_call:
        query += " AND invocation = (SELECT max(id) FROM invocations)"
    path = folder / "run.sqlite"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        try:
            return [row[0] for row in database.execute(query, [status])]
        except sqlite3.OperationalError:  # The record is being made.
            return []


def count_done(folder):
    return len(cells(folder, "done"))


def shards(out):
    return sorted(path.parent for path in out.glob("shards/*/run.sqlite"))


def cells_of_shards(out, status="done"):
    """Cells computed in shards: one entry for each time that a cell was computed."""
    return [cell for shard in shards(out) for cell in cells(shard, status)]


def wait_until(what, condition, seconds=300):
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.02)


def find_program(name, package):
    # Daemons may be outside PATH.
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"there is no {name} (Debian: {package})")
    return path


def find_mpirun(program):
    mpirun = find_program("mpirun", "openmpi-bin")
    if "libmpi" not in subprocess.run(["ldd", program], capture_output=True, text=True).stdout:
        raise Skip(f"{program} was built without MPI")
    return mpirun


def main(test):
    """Runs `test` on the program that the command line names, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="cprobe_cluster_") as folder:
        os.chmod(folder, 0o711)  # munged refuses a socket that others cannot reach.
        try:
            test(sys.argv[1], pathlib.Path(folder))
        except Skip as reason:
            print(f"SKIPPED: {reason}")
            sys.exit(SKIPPED)
        except Exception:
            traceback.print_exc()
            for log in [*pathlib.Path(folder).glob("slurm/*.log"), *pathlib.Path(folder).glob("*/slurm/*.log")]:
                print(f"--- {log}\n{log.read_text(errors='replace')[-1500:]}")
            sys.exit(1)
