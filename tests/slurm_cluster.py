"""A cluster of this one machine: Slurm's own daemons with ports, keys and folders of their own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from waiting import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd")
_CONF = """
ClusterName=guardtest
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={munge},cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
MpiDefault=none
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
NodeName=node1 NodeAddr=127.0.0.1 NodeHostname={host} Port={node1} CPUs=2 State=UNKNOWN
NodeName=node2 NodeAddr=127.0.0.1 NodeHostname={host} Port={node2} CPUs=2 State=UNKNOWN
PartitionName=low Nodes=node1 Default=YES MaxTime=60 PriorityTier=1 GraceTime=60 State=UP
PartitionName=high Nodes=node1 MaxTime=60 PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=both Nodes=node1,node2 MaxTime=60 PriorityTier=1 State=UP
"""


class Cluster:
    """Two nodes on this host: ``low`` yields its node to ``high``, with a minute's notice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for name in ("state", "spool.node1", "spool.node2"):
            (self.folder / name).mkdir(parents=True)
        munge = self._start_munge()
        ports = dict(zip(("controller", "node1", "node2"), _free_ports(3), strict=True))
        text = _CONF.format(
            user=getpass.getuser(), host=socket.gethostname(), munge=munge, folder=self.folder, **ports
        )
        self.conf.write_text(text)
        self._start("slurmctld", "-D")
        for node in ("node1", "node2"):
            self._start("slurmd", "-D", "-N", node)
        wait_for(lambda: seldom() or self._idle() == {"node1", "node2"}, 30, what="idle nodes")

    def _idle(self) -> set[str]:
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %T").splitlines()
        return {line.split()[0] for line in lines if line.endswith("idle")}

    def _start_munge(self) -> Path:
        """Its socket; the key is of no use elsewhere."""
        key, place = self.folder / "munge.key", self.folder / "munge"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        place.mkdir(mode=0o755)
        files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._start(
            "munged", "--foreground", "--force", f"--key-file={key}",
            *(f"--{option}={place / name}" for option, name in files.items()),
        )  # fmt: skip
        wait_for((place / "socket").exists, 20, what="munge")
        return place / "socket"

    def _start(self, program: str, *words: str) -> None:
        path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert path is not None, f"{program} is missing; on Debian and Ubuntu: apt install slurm-wlm munge"
        with open(self.folder / f"{program}.out", "ab") as out:
            self._daemons.append(
                subprocess.Popen(
                    [path, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    env={**os.environ, **self.environment},
                )
            )

    @property
    def environment(self) -> dict[str, str]:
        """What Slurm's commands need."""
        return {"SLURM_CONF": str(self.conf)}

    def run(self, *words: str) -> str:
        """What one of Slurm's commands prints; "" when it fails."""
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )  # fmt: skip
        return done.stdout if done.returncode == 0 else ""

    def state(self, job: str) -> str:
        """PENDING, RUNNING, …; "" once it has left the queue."""
        return self.run("squeue", "-h", "-j", job, "-o", "%T").strip()

    def wait(self, job: str, state: str, note: str = "") -> None:
        """Until the job is in that state ("": out of the queue), asked seldom: each question is a process."""
        wait_for(lambda: seldom() or self.state(job) == state, 60, what=f"job {job} {state or 'gone'} {note}")

    def warn(self, job: str) -> None:
        """What Slurm sends before a time limit, which would be a minute at least."""
        self.run("scancel", "--batch", "--signal=USR1", job)

    def occupy(self, partition: str) -> str:
        """A job that takes the whole of the first node for a while; its number."""
        words = ("sbatch", "--parsable", "-p", partition, "--exclusive", "-w", "node1", "-o", "/dev/null")
        return self.run(*words, "--wrap", "exec sleep 600").strip()

    def clear(self) -> None:
        """Take every job out and wait until the nodes are free."""
        self.run("scancel", "--me")
        wait_for(lambda: seldom() or not self.run("squeue", "-h"), 30, what="an empty queue")

    def stop(self) -> None:
        self.run("scancel", "--me", "--signal=KILL")
        self.run("scancel", "--me")
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for daemon in self._daemons:
            try:
                daemon.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def seldom() -> bool:
    """False after a rest, for what is asked again and again and costs something."""
    time.sleep(0.25)
    return False


def _free_ports(count: int) -> list[int]:
    taken = [socket.socket() for _ in range(count)]
    for one in taken:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports
