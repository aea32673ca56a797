"""Four plain processes compute one run folder at the same time; one is killed, and the same again goes on."""

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
                toy.expect(f"exit code of {name}", process.wait(timeout=120) in (0, -signal.SIGKILL), True)

    def end(self):
        self.wait_for_others(None)
        subprocess.run(self.grid.merge(self.out), check=True)


def test(program, folder):
    started = []

    def start(out):
        started.append(Processes(grid, out, len(started)))
        return started[-1]

    grid = toy.Toy(program, folder)
    try:
        shards.check(grid, start)
    finally:
        for processes in started:
            for process in processes.processes.values():
                process.kill()


toy.main(test)
