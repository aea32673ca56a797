"""Checks of four processes on one run folder, however the processes are started."""

import os
import pathlib
import signal

from toy import N_CELLS, cells, cells_of_shards, count_done, expect, shards, wait_until

N_TASKS = 4


def check(toy, start):
    """Checks a run that is left alone, and one in which a process is killed.

    `start(out)` begins N_TASKS processes and returns an object with two methods:
      - wait_for_others(shard) waits for all processes but that of `shard`;
      - end() waits for all processes and merges their shards.
    """
    out = toy.folder / "undisturbed"
    start(out).end()
    expect_all(toy, out)
    expect("shards", len(shards(out)), N_TASKS)

    out = toy.folder / "killed"
    tasks = start(out)
    # A stopped process keeps its cell, and all other processes pass over that cell. So the
    # process's death is sure to leave the cell undone.
    seen = {}
    victim = wait_until("a task is at work", lambda: stop_at_work(out, seen))
    tasks.wait_for_others(victim.name)
    os.kill(process_of(victim), signal.SIGKILL)
    tasks.end()
    expect("cells after a death", len(cells_of_shards(out)), N_CELLS - 1)
    expect("cells merged after a death", count_done(out), N_CELLS - 1)
    start(out).end()
    expect_all(toy, out)


def stop_at_work(out, seen):
    """Stops a process that has just begun a cell, once other cells are done.

    Passes over a process that was at the same cell in the last try: the process may have written
    the cell already, which its record does not show.
    @param seen: cells at work in the last try, by shard.
    @return: the process's shard; None: try again.
    """
    for shard in shards(out):
        before, seen[shard] = seen.get(shard), cells(shard, "running")
        if before is None or seen[shard] in ([], before) or len(cells_of_shards(out)) < 2:
            continue
        process = process_of(shard)
        os.kill(process, signal.SIGSTOP)
        wait_until("it is stopped", lambda: " T " in pathlib.Path(f"/proc/{process}/stat").read_text())
        if cells(shard, "running") == seen[shard]:
            return shard
        os.kill(process, signal.SIGCONT)
    return None


def process_of(shard):
    """Number of the process that works on a shard: 12 if the lock says "process 12 on host"."""
    return int((shard / "run.lock").read_text().split()[1])


def expect_all(toy, out):
    computed = cells_of_shards(out)
    expect("cells", len(set(computed)), N_CELLS)
    expect("times that a cell was computed", len(computed), N_CELLS)
    toy.expect_same_results(out)
