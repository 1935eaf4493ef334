"""A Slurm of one node on this machine, for tests: with a key, folders and ports of its own, all on loopback."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")
STARTED_SECONDS = 60

CONFIGURATION = """
ClusterName=rnnzoo
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Return why Slurm cannot be started here, or None."""
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    if absent := [name for name in NEEDED if shutil.which(name) is None]:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm, munge)"
    if os.getuid() != 0:
        return "Slurm's daemons are started as root"
    return None


@contextmanager
def slurm(folder):
    """Start munge, the controller and the node; yield the environment in which sbatch finds them."""
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    configuration = folder / "slurm.conf"
    ports = {"controller": _free_port(), "node": _free_port()}
    configuration.write_text(
        CONFIGURATION.format(host=socket.gethostname().split(".")[0], folder=folder, cores=os.cpu_count(), **ports)
    )
    environment = os.environ | {"SLURM_CONF": str(configuration)}
    munge = [f"--key-file={key}", f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge.pid"]
    munge += [f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"]
    with ExitStack() as daemons:
        daemons.enter_context(_daemon(folder, environment, "munged", "--foreground", "--force", *munge))
        _until(lambda: (folder / "munge.socket").exists(), folder)
        daemons.enter_context(_daemon(folder, environment, "slurmctld", "-D", "-c", "-i"))
        daemons.enter_context(_daemon(folder, environment, "slurmd", "-D"))
        _until(lambda: "idle" in _told(environment, "sinfo", "--noheader", "--format=%T"), folder)
        try:
            yield environment
        finally:
            _told(environment, "scancel", "--user=root")
            _until(lambda: not _told(environment, "squeue", "--noheader").strip(), folder)


@contextmanager
def _daemon(folder, environment, *command):
    with (folder / f"{command[0]}.out").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _told(environment, *command):
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30).stdout


def _until(condition, folder):
    until = time.monotonic() + STARTED_SECONDS
    while not condition():
        if time.monotonic() > until:
            logs = "\n".join(f"{path.name}: {path.read_text()[-500:]}" for path in folder.glob("*.out"))
            raise TimeoutError(f"Slurm did not start (or end) within {STARTED_SECONDS} s:\n{logs}")
        time.sleep(0.2)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
