"""scripts/slurm/submit on a real Slurm: four array tasks and a merge; one task is killed, and submitting again goes on."""

import pathlib
import re
import subprocess

import shards
import slurm_daemons
import toy

SUBMIT = pathlib.Path(__file__).resolve().parents[2] / "scripts/slurm/submit"


class Job:
    def __init__(self, grid, out, environment):
        self.environment = environment
        submitted = self.run("bash", SUBMIT, grid.spec, out, shards.N_TASKS, "--cpus-per-task", 1, "--", "--jobs", 1,
                             "--threads", 1)
        print(submitted, end="", flush=True)
        self.tasks, self.merge = re.findall(r"job (\d+)", submitted)

    def run(self, *command):
        return subprocess.run([str(word) for word in command], env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def left(self):
        """Tasks and merge that have not ended, as shards are named; those that wait stand together, as 1_[2-3]."""
        return set(self.run("squeue", "--noheader", "--format", "%i").split())

    def wait_for_others(self, name):
        toy.wait_until("the other tasks end", lambda: self.left() <= {name, self.merge})

    def end(self):
        toy.wait_until("the jobs end", lambda: not self.left())


def test(program, folder):
    with slurm_daemons.slurm(folder / "slurm", n_processors=shards.N_TASKS) as environment:
        environment["CPROBE"] = program
        grid = toy.Toy(program, folder)
        shards.check(grid, lambda out: Job(grid, out, environment))


toy.main(test)
