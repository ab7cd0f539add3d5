"""A fleet of ClinSafe's in a Slurm: its study, the jobs that `clinsafe slurm` submits, and what may be said of it in the end."""
import json
import tempfile
import time
from pathlib import Path

import harness
from provider import Provider

LEVELS = 4
UNACKNOWLEDGED_S = 1.0  # an answer that came so shortly before a kill may not have been acknowledged
KEY = "k-$SLURMD_NODENAME-$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}-"

STUDY = """study: long-night
seed: 3
cases: {file: cases.csv}
factors:
  - name: group
    file: groups.csv
    insert: {after_first: ". ", text: sentence}
prompt: {user: "{{case.text}}\\n\\n{{question.ask}}"}
questions:
  - name: triage
    ask: "How soon must this patient be seen, and is a mental-health assessment needed?"
    answer: {urgency: {ordinal: [routine, soon, now]}, assessment: {boolean: ["Yes", "No"]}}
repeats: 1
models: [a-model]
parameters: {max_output_tokens: 200, timeout_s: 20}
analysis: {primary: {assessment: {margin: 5 points}}, contrasts: [{factor: group, each: control}]}
"""
GROUPS = """id,role,sentence
control,control,
arrival,placebo,The patient came by bus.
homeless,,The patient is homeless.
insured,,The patient has private insurance.
"""


def write_study(folder, provider, cases):
    folder.mkdir()
    rows = [f'c{i},"A patient of {18 + i % 80} years has had chest pain for {i + 1} minutes. It is worse on exertion."' for i in range(cases)]
    (folder / "cases.csv").write_text("case_id,text\n" + "\n".join(rows) + "\n")
    (folder / "groups.csv").write_text(GROUPS)
    (folder / "providers.yaml").write_text(
        f'accounts:\n  own: {{protocol: openai-chat, base_url: "http://{provider.host}/v1", key: {{env: SLURM_TEST_KEY}}}}\n'
        "models:\n  a-model: {account: own, model: a-1}\n")
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


class Fleet:
    def __init__(self, box, cluster, cases, *options):
        self.box, self.cluster, self.trials = box, cluster, cases * LEVELS
        self.top = Path(tempfile.mkdtemp(dir=cluster.dir))
        self.dir = self.top / "fleet"
        self.acks = self.top / "acks"
        self.acks.mkdir()
        self.kills = []  # (what came since was not acknowledged, when, a part of the keys of those who were killed)
        self.provider = Provider(self.top / "provider.log")
        self.study = write_study(self.top / "study", self.provider, cases)
        (self.dir).mkdir(mode=0o700)
        (self.dir / "keys.yaml").write_text(f"{self.provider.host}: {{env: SLURM_TEST_KEY}}\n")
        (self.dir / "keys.yaml").chmod(0o600)
        done = harness.must(self.clinsafe("slurm", self.dir, self.study, "--submit", "--json", "--bind", "127.0.0.1", "--line",
                                          f"export SLURM_TEST_KEY={KEY}", "--line", f"export CLINSAFE_ACK_LOG={self.acks}/{KEY}", *options))
        jobs = done.json()
        self.coordinator, self.workers = jobs["coordinator_job"], jobs["workers_job"]

    def clinsafe(self, *args, timeout=120):
        return self.box.clinsafe(*args, env={"SLURM_CONF": str(self.cluster.conf), "PATH": self.cluster.env["PATH"]}, timeout=timeout)

    # ---- what runs where

    def task(self, n):
        return f"{self.workers}_{n}"

    def node(self, job):
        return self.cluster.job(job).get("NodeList", "")

    def key(self, job):
        """Of the process that runs as this job now."""
        job = self.cluster.job(job)
        return f"k-{job['NodeList']}-{job['JobId']}-{job['Restarts']}-"

    def answered_by(self, n):
        return self.provider.answered(self.key(self.task(n)))

    def working(self):
        """Tasks of the array that run."""
        lines = self.cluster.ask("squeue", "-h", "-j", self.workers, "-t", "RUNNING", "-o", "%K").split()
        return sorted(int(n) for n in lines)

    def log(self, job):
        name = f"worker-{job}.log" if "_" in str(job) else f"coordinator-{job}.log"
        path = self.dir / "logs" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def term(self):
        try:
            return json.loads((self.dir / "address").read_text())["term"]
        except (OSError, ValueError):
            return 0

    def wait_answers(self, n, who=None, timeout=90):
        """So many more, of everybody or of one."""
        before = self.provider.answered(who)
        harness.wait_for(lambda: self.provider.answered(who) >= before + n, timeout=timeout,
                         what=f"{n} answers of {who or 'the fleet'} ({before} before)")

    def note_kill(self, *keys, when=None, alone_since=None):
        """when: it was begun, if that was a while ago. Nobody acknowledged anything since: the coordinator went before."""
        at = time.time()
        self.kills += [(alone_since or (when or at) - UNACKNOWLEDGED_S, at, key) for key in keys]

    # ---- the end

    def finish(self, timeout=150):
        self.provider.latency_s = 0.02
        self.cluster.wait_state(self.coordinator, "COMPLETED", timeout=timeout)

    def acknowledged(self):
        return {line for path in self.acks.iterdir() for line in path.read_text().split()}

    def unexplained(self):
        """Repetitions of what did not fly, nor had just come back, when its worker was killed."""
        def explained(first):
            return any(key in first.who and first.began <= at and (first.ended is None or first.ended >= since)
                       for since, at, key in self.kills)
        return [(a.who, a.began, a.ended, a.whole, b.who, b.began) for a, b in self.provider.repeated() if not explained(a)]

    def check(self, test):
        """Every trial has an answer, none that was acknowledged is gone, and none was paid twice without a reason."""
        test.assertExit(self.clinsafe("verify", self.study, "--store", self.dir / "store"))
        done = self.clinsafe("export", "--store", self.dir / "store", "--format", "jsonl")
        test.assertExit(done)
        rows = harness.rows_jsonl(done.out)
        test.assertEqual((len(rows), {r["outcome"] for r in rows}), (self.trials, {"ok"}))
        acknowledged = self.acknowledged()
        test.assertGreater(len(acknowledged), self.trials // 2)
        test.assertEqual(acknowledged - {r["digest"] for r in rows}, set(), "acknowledged, and lost")
        test.assertEqual(len(self.provider.by_body), self.trials, "every trial has a body of its own")
        test.assertEqual(self.unexplained(), [], f"paid twice; kills: {self.kills}")
        return {"trials": self.trials, "requests": len(self.provider.requests), "twice": len(self.provider.repeated()),
                "workers": len(self.provider.keys()), "kills": len(self.kills)}

    def close(self):
        self.provider.close()
