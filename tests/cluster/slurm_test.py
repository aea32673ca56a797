"""scripts/slurm/submit on a real Slurm, with four array tasks and a merge. One task is killed, and
submitting again continues the run."""

import pathlib
import re
import subprocess

import shards
import slurm_daemons
import toy

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts/slurm"


def run(environment, *command):
    return subprocess.run([str(word) for word in command], env=environment, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


class Array:
    def __init__(self, grid, out, environment):
        self.environment = environment
        submitted = run(environment, SCRIPTS / "submit", grid.spec, out, shards.N_TASKS, "--cpus-per-task", 1, "--",
                        "--jobs", 1, "--threads", 1)
        print(submitted, end="", flush=True)
        self.tasks, self.merge = re.findall(r"job (\d+)", submitted)

    def left(self):
        """The jobs that have not ended, named as shards are. Tasks that wait are one entry, such as
        1_[2-3]."""
        return set(run(self.environment, "squeue", "--noheader", "--format", "%i").split())

    def wait_for_others(self, name):
        toy.wait_until("the other tasks end", lambda: self.left() <= {name, self.merge})

    def end(self):
        toy.wait_until("the jobs end", lambda: not self.left())


def expect_same_of_mpi_job(grid, environment):
    try:
        toy.find_mpirun(grid.program)
    except toy.Skip as reason:
        print(f"an MPI job is left out: {reason}")
        return
    out = grid.folder / "mpi"
    # Open MPI refuses to run as root without both variables.
    insisting = environment | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    insisting["ASAN_OPTIONS"] = "detect_leaks=0"  # Open MPI does not free everything.
    (out / "slurm").mkdir(parents=True)
    run(insisting, "sbatch", "--wait", "--ntasks=3", "--output", out / "slurm/mpi.log", SCRIPTS / "mpi.sbatch",
        *grid.fit(out))
    grid.expect_same_results(out)


def test(program, folder):
    with slurm_daemons.slurm(folder / "slurm", n_processors=shards.N_TASKS) as environment:
        environment["CPROBE"] = program
        grid = toy.Toy(program, folder)
        shards.check(grid, lambda out: Array(grid, out, environment))
        expect_same_of_mpi_job(grid, environment)


toy.main(test)
