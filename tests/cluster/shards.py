"""What four processes at once on one run folder must bring about, whoever starts them."""

from toy import N_CELLS, cells, cells_of_shards, count_done, expect, shards, wait_until

N_TASKS = 4


def check(toy, start):
    """`start(out)` begins N_TASKS processes, with .names, .wait(), .stop(name), .kill(name); .end() waits and merges."""
    out = toy.folder / "undisturbed"
    start(out).end()
    expect_all(toy, out)
    expect("shards", len(shards(out)), N_TASKS)

    out = toy.folder / "killed"
    tasks = start(out)
    # Stopped, a process still has its cell, which all others pass over; so its death is sure to leave that undone.
    victim = wait_until("a task is at work", lambda: stop_at_work(tasks, out))
    tasks.wait_for_others(victim)
    tasks.kill(victim)
    tasks.end()
    before = cells_of_shards(out)
    expect("cells after a death", len(before), N_CELLS - 1)
    expect("cells merged after a death", count_done(out), N_CELLS - 1)
    start(out).end()
    expect_all(toy, out)


def stop_at_work(tasks, out):
    """Stops a process while it computes a cell, but not the first one. @return its name; none: try again."""
    if len(cells_of_shards(out)) < 2:
        return None
    for shard in shards(out):
        tasks.stop(shard.name)
        if cells(shard, "running"):
            return shard.name
        tasks.go_on(shard.name)
    return None


def expect_all(toy, out):
    computed = cells_of_shards(out)
    expect("cells", len(set(computed)), N_CELLS)
    expect("times that a cell was computed", len(computed), N_CELLS)
    toy.expect_same_results(out)
