"""Four plain processes compute one run folder at the same time. One process is killed, and the same
command continues the run."""

import fcntl
import json
import shutil
import signal
import subprocess

import shards
import toy


class Processes:
    def __init__(self, grid, out, number):
        self.grid, self.out = grid, out
        names = [f"{number}_{task}" for task in range(shards.N_TASKS)]
        self.processes = {name: subprocess.Popen(grid.fit(out, "--shard", name), stdout=subprocess.DEVNULL)
                          for name in names}

    def wait_for_others(self, shard):
        for name, process in self.processes.items():
            if name != shard:
                toy.expect(f"exit code of {name}", process.wait(timeout=300) in (0, -signal.SIGKILL), True)

    def end(self):
        self.wait_for_others(None)
        subprocess.run(self.grid.merge(self.out), check=True)


def expect_shards_elsewhere_passed_over(grid, out):
    """Merging passes over a shard that another machine writes, as the shard's record cannot be read
    safely. A later merge gathers the shard."""
    copy = out.with_name("elsewhere")
    shutil.copytree(out / "shards", copy / "shards")
    shard = next(shard for shard in shards.shards(copy) if toy.count_done(shard) > 0)
    n_there = toy.count_done(shard)

    def gathered():
        merged = subprocess.run([*grid.merge(copy), "--json"], check=True, stdout=subprocess.PIPE)
        return json.loads(merged.stdout)

    with open(shard / "run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 1 on another.machine")
        lock.flush()
        found = gathered()
        toy.expect("cells of the others", found["gathered"], toy.N_CELLS - n_there)
        toy.expect("shards at work", found["working"], [shard.name])
    toy.expect("cells gathered afterwards", gathered()["gathered"], n_there)
    grid.expect_same_results(copy)


def test(program, folder):
    started = []

    def start(out):
        started.append(Processes(grid, out, len(started)))
        return started[-1]

    grid = toy.Toy(program, folder)
    try:
        shards.check(grid, start)
        expect_shards_elsewhere_passed_over(grid, folder / "undisturbed")
    finally:
        for processes in started:
            for process in processes.processes.values():
                process.kill()


toy.main(test)
