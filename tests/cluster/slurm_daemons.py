"""A private Slurm on this machine, with all its files in one folder, for the time of a test."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

from toy import Skip, find_program

CONFIGURATION = """
ClusterName=cprobe
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0
ReturnToService=2
KillWait=5
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 CPUs={n_processors} State=UNKNOWN
PartitionName=all Nodes=one Default=YES State=UP
"""
SECONDS_TO_START = 30
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


@contextlib.contextmanager
def slurm(folder, n_processors):
    """Starts Slurm, and yields the environment variables with which Slurm's commands find this
    Slurm. @raise Skip: Slurm cannot start here."""
    if os.geteuid() != 0:
        raise Skip("only root can start a Slurm that runs jobs")
    munged = find_program("munged", "munge")
    controller = find_program("slurmctld", "slurmctld")
    node = find_program("slurmd", "slurmd")
    find_program("sbatch", "slurm-client")
    folder.mkdir()
    folder.chmod(0o711)
    for name in ["state", "spool"]:
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(os.urandom(128))
    configuration = folder / "slurm.conf"
    ports = free_ports(2)
    configuration.write_text(CONFIGURATION.format(folder=folder, host=socket.gethostname().split(".")[0],
                                                  controller_port=ports[0], node_port=ports[1],
                                                  n_processors=n_processors))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    environment["SLURM_CONF"] = str(configuration)
    # Processes that a daemon leaves behind become children of this process, so that end_orphans can
    # end such processes.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    daemons = []
    try:
        commands = [
            [munged, "--foreground", "--force", "--socket", folder / "munge.socket", "--key-file", key,
             "--pid-file", folder / "munged.pid", "--seed-file", folder / "munge.seed"],
            [controller, "-D", "-f", configuration],
            [node, "-D", "-f", configuration, "-N", "one"]]
        for command in commands:
            with open(folder / f"{os.path.basename(command[0])}.log", "wb") as log:
                daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log,
                                                stdin=subprocess.DEVNULL, preexec_fn=end_with_parent))
            if command[0] == munged:
                wait_to_start(daemons, (folder / "munge.socket").exists, "munged", folder)
        wait_to_start(daemons, lambda: node_state(environment) == "idle", "a node", folder)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        end_orphans()


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(n):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def node_state(environment):
    found = subprocess.run(["sinfo", "--noheader", "--format", "%T"], env=environment, capture_output=True, text=True)
    return found.stdout.strip()


def wait_to_start(daemons, is_ready, what, logs):
    until = time.monotonic() + SECONDS_TO_START
    while not is_ready():
        ended = [os.path.basename(daemon.args[0]) for daemon in daemons if daemon.poll() is not None]
        if ended or time.monotonic() > until:
            why = f"{ended[0]} ended at once" if ended else f"no answer after {SECONDS_TO_START} s"
            said = "\n".join(path.read_text(errors="replace")[-500:] for path in sorted(logs.glob("*.log")))
            raise Skip(f"Slurm does not start here: {what}: {why}\n{said}")
        time.sleep(0.1)


def end_orphans():
    """Ends all child processes that are left, such as jobs and Slurm's own processes that look
    after jobs."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            children = [int(number) for number in file.read().split()]
        if not children:
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
