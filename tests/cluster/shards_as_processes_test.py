"""Four plain processes compute one run folder at the same time; one is killed, and the same call goes on."""

import signal
import subprocess

import shards
import toy


class Processes:
    n_started = 0

    def __init__(self, grid, out):
        self.grid, self.out = grid, out
        names = [f"{Processes.n_started}_{task}" for task in range(shards.N_TASKS)]
        Processes.n_started += 1
        self.processes = {name: subprocess.Popen(grid.fit(out, "--shard", name), stdout=subprocess.DEVNULL)
                          for name in names}

    def stop(self, name):
        self.processes[name].send_signal(signal.SIGSTOP)

    def go_on(self, name):
        self.processes[name].send_signal(signal.SIGCONT)

    def kill(self, name):
        self.processes[name].kill()
        expect_code(self.processes.pop(name), -signal.SIGKILL)

    def wait_for_others(self, name):
        for other, process in self.processes.items():
            if other != name:
                expect_code(process, 0)

    def end(self):
        self.wait_for_others(None)
        subprocess.run(self.grid.merge(self.out), check=True)


def expect_code(process, code):
    toy.expect("exit code", process.wait(timeout=120), code)


def test(program, folder):
    started = []

    def start(out):
        started.append(Processes(grid, out))
        return started[-1]

    grid = toy.Toy(program, folder)
    try:
        shards.check(grid, start)
    finally:
        for processes in started:
            for process in processes.processes.values():
                process.kill()


toy.main(test)
