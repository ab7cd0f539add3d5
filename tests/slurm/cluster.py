"""A Slurm of a test's own: munged, slurmctld and several slurmd on this machine, all on loopback, ended by their pids.

As root, in a container without systemd: no cgroups, no accounting, SlurmUser root. A relative folder would not do: the daemons go elsewhere.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import harness

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo", "srun")
KILL_WAIT_S = 8
SECOND_LOOKS_S = 0.1


def missing():
    """Why there can be no Slurm here, or ""."""
    if os.geteuid() != 0:
        return "not root"
    lacking = [d for d in DAEMONS if shutil.which(d, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None]
    return f"Slurm's packages are not installed ({', '.join(lacking)})" if lacking else ""


def environment_of(pid):
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(p.decode(errors="replace").split("=", 1) for p in pairs if b"=" in p)


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


class Unable(Exception):
    """Slurm does not start on this machine."""


class Cluster:
    NODES = ("n1", "n2", "n3", "n4", "n5")

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="cs-slurm-"))
        self.dir.chmod(0o755)
        self.conf = self.dir / "slurm.conf"
        self.env = {**{k: v for k, v in os.environ.items() if not k.startswith("SLURM")}, "SLURM_CONF": str(self.conf),
                    "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
        self.daemons = {}
        for folder in ("log", "state", "munge", "spool"):
            (self.dir / folder).mkdir(mode=0o755)
        self.ports = dict(zip(("ctl", *self.NODES), harness.free_ports(1 + len(self.NODES))))
        self._write_conf()
        try:
            self._start_all()
        except BaseException:
            self.close()
            raise

    def _write_conf(self):
        run = self.dir
        host = socket.gethostname().split(".")[0]
        lines = f"""ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={self.ports["ctl"]}
SlurmUser=root
AuthInfo=socket={run}/munge/socket
StateSaveLocation={run}/state
SlurmctldPidFile={run}/slurmctld.pid
SlurmctldLogFile={run}/log/slurmctld.log
SlurmdPidFile={run}/slurmd.%n.pid
SlurmdLogFile={run}/log/slurmd.%n.log
SlurmdSpoolDir={run}/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU,CR_LLN
SlurmdParameters=config_overrides
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PropagateResourceLimits=NONE
ReturnToService=2
SlurmdTimeout=300
KillWait={KILL_WAIT_S}
MinJobAge=3600
MpiDefault=none
"""
        for node in self.NODES:
            lines += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={self.ports[node]} CPUs=4 State=UNKNOWN\n"
        lines += f"PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime={KILL_WAIT_S}\n"
        lines += "PartitionName=high Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF\n"
        self.conf.write_text(lines)

    # ---- the daemons

    def _daemon(self, name, *args):
        with open(self.dir / "log" / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env, cwd=self.dir,
                                                  start_new_session=True)

    def start_controller(self):
        self._daemon("slurmctld", "slurmctld", "-D", "-f", self.conf)

    def start_node(self, node):
        self._daemon(node, "slurmd", "-D", "-N", node, "-f", self.conf)

    def _start_all(self):
        key = self.dir / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        munge = self.dir / "munge"
        self._daemon("munged", "munged", "-F", f"--key-file={key}", f"--socket={munge}/socket", f"--pid-file={munge}/pid",
                     f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        self._until(lambda: (munge / "socket").exists(), "munged")
        self.start_controller()
        for node in self.NODES:
            self.start_node(node)
        self._until(lambda: self.idle() == len(self.NODES), "slurmd")

    def _until(self, condition, what, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            dead = [name for name, p in self.daemons.items() if p.poll() is not None]
            if dead or time.monotonic() > end:
                name = "slurmd" if dead and dead[0] in self.NODES else dead[0] if dead else what
                raise Unable(f"{name} does not start here: {self.last_words(dead[0] if dead else None)}")
            time.sleep(SECOND_LOOKS_S)

    def last_words(self, name=None):
        logs = sorted((self.dir / "log").iterdir(), key=lambda p: p.stat().st_mtime)
        if name is not None:
            logs = [p for p in logs if name in p.name] or logs
        words = [line for p in logs for line in p.read_text(errors="replace").splitlines() if line.strip()]
        return words[-1] if words else "it says nothing"

    def idle(self):
        return int(self.ask("sinfo", "-h", "-p", "main", "-t", "idle", "-o", "%D", check=False).strip() or 0)

    # ---- what a user says

    def ask(self, *command, check=True, timeout=60):
        """Once more where only the controller was away for a moment."""
        for _ in range(20):
            done = subprocess.run([str(c) for c in command], env=self.env, cwd=self.dir, capture_output=True, text=True, timeout=timeout,
                                  stdin=subprocess.DEVNULL, check=False)
            if done.returncode == 0 or not check:
                return done.stdout
            if "Unable to contact" not in done.stderr and "not ready" not in done.stderr:
                break
            time.sleep(0.5)
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")

    def job(self, job):
        """What scontrol knows of a job, or of a task of an array."""
        text = self.ask("scontrol", "show", "job", "-o", job)
        return dict(pair.split("=", 1) for pair in text.split() if "=" in pair)

    def state(self, job):
        return self.job(job)["JobState"]

    def wait_state(self, job, *states, timeout=60):
        return harness.wait_for(lambda: (s := self.state(job)) in states and s, timeout=timeout, what=f"job {job} to be {'/'.join(states)}")

    def back(self, job, condition, timeout=90):
        """A requeued job would wait for two minutes. Not at once: within the second of its end a node takes it for the one that was killed."""
        waits_since = None

        def look():
            nonlocal waits_since
            if condition():
                return True
            if self.state(job) != "PENDING":
                waits_since = None
            elif waits_since is None:
                waits_since = time.monotonic()
            elif time.monotonic() - waits_since > 2:
                waits_since = time.monotonic()
                self.ask("scontrol", "update", f"jobid={job}", "StartTime=now", check=False)
            time.sleep(SECOND_LOOKS_S)
            return False
        harness.wait_for(look, timeout=timeout, what=f"job {job} to be back")

    # ---- what happens to machines

    def of_node(self, node):
        """Programs of jobs there, and the steps that look after them, which leave their daemon."""
        jobs = [p for p in pids() if (env := environment_of(p)).get("SLURM_CONF") == str(self.conf) and "SLURM_JOB_ID" in env
                and env.get("SLURMD_NODENAME") == node]
        return jobs + [p for p in {parent_of(j) for j in jobs} if program_of(p).startswith("slurmstepd")]

    def kill_node(self, node):
        """The machine is gone: daemon, steps, jobs. The programs that it took along, and when."""
        daemon = self.daemons.pop(node)
        os.kill(daemon.pid, signal.SIGSTOP)
        family = [daemon.pid, *self.of_node(node)]
        programs = [program_of(p) for p in family]
        when = time.time()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        daemon.wait()
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=dead")
        return programs, when

    def programs(self, name):
        """pid -> node, of all that run as jobs here."""
        found = {}
        for pid in pids():
            if program_of(pid) == name:
                env = environment_of(pid)
                if env.get("SLURM_CONF") == str(self.conf) and "SLURM_JOB_ID" in env:
                    found[pid] = env.get("SLURMD_NODENAME", "")
        return found

    # ---- the end

    def cancel_all(self):
        """A controller that ends before its jobs leaves steps that wait for it for ever."""
        jobs = sorted(set(self.ask("squeue", "-h", "-o", "%A", check=False).split()))
        if jobs:
            self.ask("scancel", *jobs, check=False)
        end = time.monotonic() + 4 * KILL_WAIT_S
        while self.ask("squeue", "-h", "-o", "%A", check=False).strip() and time.monotonic() < end:
            time.sleep(SECOND_LOOKS_S)

    def _end(self, name):
        daemon = self.daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def left(self):
        """Processes of this cluster's that still live: by the configuration that they were started with."""
        ours = [p for p in pids() if p != os.getpid() and environment_of(p).get("SLURM_CONF") == str(self.conf)]
        return [f"{p} {program_of(p)}" for p in ours]

    def close(self, keep=False):
        if "slurmctld" in self.daemons and self.daemons["slurmctld"].poll() is None:
            self.cancel_all()
        for node in self.NODES:
            self._end(node)
        self._end("slurmctld")
        self._end("munged")
        end = time.monotonic() + 40  # what stands beside a coordinator looks now and then whether it is still there
        while (left := self.left()) and time.monotonic() < end:
            time.sleep(SECOND_LOOKS_S)
        for line in left:
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                pass
        if keep:
            print(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        return left
