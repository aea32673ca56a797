"""What four processes at once on one run folder must bring about, whoever starts them."""

import os
import pathlib
import signal

from toy import N_CELLS, cells, cells_of_shards, count_done, expect, shards, wait_until

N_TASKS = 4


def check(toy, start):
    """`start(out)` begins N_TASKS processes; .wait_for_others(shard) waits for all but one, .end() for all and merges."""
    out = toy.folder / "undisturbed"
    start(out).end()
    expect_all(toy, out)
    expect("shards", len(shards(out)), N_TASKS)

    out = toy.folder / "killed"
    tasks = start(out)
    # Stopped, a process still has its cell, which all others pass over; so its death is sure to leave that undone.
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
    """Stops a process that has just begun a cell, when others are done. @return its shard; none: try again.

    One that is about to end a cell may have written it already, though it does not show.
    @param seen cells at work in the last try, by shard.
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
    """Which one works on a shard: "process 12 on host", says its lock."""
    return int((shard / "run.lock").read_text().split()[1])


def expect_all(toy, out):
    computed = cells_of_shards(out)
    expect("cells", len(set(computed)), N_CELLS)
    expect("times that a cell was computed", len(computed), N_CELLS)
    toy.expect_same_results(out)
