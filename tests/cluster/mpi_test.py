"""The grid under mpirun gives the results of one process, also if ranks are killed halfway."""

import os
import pathlib
import signal
import subprocess

import toy

RANK_TIMEOUT = 10  # In seconds.


class Mpi:
    """`mpirun -n 3 cprobe fit`: two ranks compute."""

    def __init__(self, grid, out, recovery):
        self.out = out
        command = [toy.find_mpirun(grid.program), "-n", "3", "--oversubscribe"]
        if os.geteuid() == 0:
            command.append("--allow-run-as-root")
        if recovery:
            command.append("--enable-recovery")
        # Without leak detection, as Open MPI does not free everything.
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
        self.process = subprocess.Popen([*command, *grid.fit(out, "--rank-timeout", str(RANK_TIMEOUT))],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)

    def kill_at_work(self, rank):
        toy.wait_until("some cells are done", lambda: toy.count_done(self.out) >= 2)
        os.kill(self.ranks()[rank], signal.SIGKILL)

    def ranks(self):
        """The processes of the job, by rank."""
        parent = self.process.pid
        found = {}
        for child in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            for variable in pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                if variable.startswith(b"OMPI_COMM_WORLD_RANK="):
                    found[int(variable.split(b"=")[1])] = int(child)
        return found

    def end(self, seconds=300):
        """Waits for the end. @return exit code of mpirun, and stderr."""
        try:
            errors = self.process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            self.process.terminate()
            errors = self.process.communicate()[1]
            raise AssertionError(f"mpirun had not ended after {seconds} s:\n{errors}") from None
        return self.process.returncode, errors


def expect_complete(grid, out, recovery=False):
    code, errors = Mpi(grid, out, recovery).end()
    toy.expect(f"exit code ({errors})", code, 0)
    grid.expect_same_results(out)


def undisturbed(grid):
    expect_complete(grid, grid.folder / "mpi")


def rank_killed_with_recovery(grid):
    out = grid.folder / "mpi_recovery"
    job = Mpi(grid, out, recovery=True)
    job.kill_at_work(rank=2)
    code, errors = job.end()
    toy.expect(f"exit code ({errors})", code, 0)
    grid.expect_same_results(out)


def rank_killed_without_recovery(grid):
    out = grid.folder / "mpi_dead"
    job = Mpi(grid, out, recovery=False)
    job.kill_at_work(rank=1)
    toy.expect("success", job.end()[0] == 0, False)
    expect_rest_is_computed(grid, out)


def rank_0_killed_with_recovery(grid):
    out = grid.folder / "mpi_headless"
    job = Mpi(grid, out, recovery=True)
    job.kill_at_work(rank=0)
    job.end(seconds=20 * RANK_TIMEOUT)
    expect_rest_is_computed(grid, out)


def expect_rest_is_computed(grid, out):
    before = set(toy.cells(out, "done"))
    toy.expect("cells before and after a death", (len(before) > 0, len(before) < toy.N_CELLS), (True, True))
    expect_complete(grid, out)
    again = before & set(toy.cells(out, "done", of_last_call=True))
    toy.expect("cells computed twice", again, set())


def test(program, folder):
    toy.find_mpirun(program)
    grid = toy.Toy(program, folder)
    for case in [undisturbed, rank_killed_with_recovery, rank_killed_without_recovery, rank_0_killed_with_recovery]:
        case(grid)
        print(f"{case.__name__}: as promised", flush=True)


toy.main(test)
