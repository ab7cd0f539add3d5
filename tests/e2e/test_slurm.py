#!/usr/bin/env python3
"""`clinsafe slurm` and `--deadline slurm` as they look where there is no Slurm: scripts, refusals, and programs of Slurm's that are ours.
A real one is in tests/slurm/."""
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness

SERVED = '  own: {protocol: openai-chat, base_url: "http://127.0.0.1:9/v1"}\n'  # no call is made here
LIMITED = "  model-a: {account: own, model: a-2026-01-01, limits: {requests_per_minute: 60}, price: {input: 0.15, output: 0.60}}\n"


@harness.short
class Scripts(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        providers = self.study.parent / "providers.yaml"
        self.simulated = providers.read_text()
        providers.write_text("".join(SERVED if "provider: simulated" in line else line.replace("account: simulated", "account: own")
                                     for line in self.simulated.splitlines(True)))
        self.fleet = self.box.dir / "fleet"
        self.bin = self.box.dir / "bin"
        self.bin.mkdir()

    def slurm(self, *args, code=0):
        path = f"{self.bin}:{os.environ['PATH']}"
        done = self.box.clinsafe("slurm", self.fleet, *args, env={"PATH": path})
        self.assertExit(done, code)
        return done

    def program(self, name, text):
        (self.bin / name).write_text("#!/bin/bash\n" + text)
        (self.bin / name).chmod(0o755)

    def scripts(self, *args):
        return self.slurm("--print", "--json", *args).json()

    def test_what_is_passed_through(self):
        made = self.scripts(self.study, "--partition", "short", "--account", "a1", "--time", "1-06:00:00", "--qos", "low", "--workers", 10,
                            "--tasks", 200, "--slots", 64, "--sbatch=--constraint=ib", "--coordinator-sbatch=--nodelist=io1", "--line",
                            "module load 'x y'", "--redis", "tcp://10.0.0.6:6379")
        for script in (made["coordinator"], made["workers"]):
            for line in ("--partition=short", "--account=a1", "--time=1-06:00:00", "--qos=low", "--requeue", "--open-mode=append",
                         "--constraint=ib"):
                self.assertIn(f"\n#SBATCH {line}\n", script)
            self.assertIn("\nmodule load 'x y'\n", script)
            last = script.rstrip().rsplit("\nexec ", 1)[1]
            self.assertNotIn("\n\n", last)
            self.assertIn("--redis 'tcp://10.0.0.6:6379'", last)
            self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode, 0)
        self.assertIn("\n#SBATCH --array=0-199%10\n", made["workers"])
        self.assertIn(f"--output={self.fleet}/logs/worker-%A_%a.log\n", made["workers"])
        self.assertIn("--slots 64", made["workers"])
        self.assertNotIn("nodelist", made["workers"])
        self.assertIn("\n#SBATCH --nodelist=io1\n", made["coordinator"])
        self.assertIn(f"keep_saying submit {self.study} ", made["coordinator"])
        self.assertIn("keep_saying wait 'small'", made["coordinator"])
        self.assertFalse(self.fleet.exists(), "nothing is written")

    def test_files_of_the_studies_go_with_them(self):
        """What they were checked with is what the coordinator gets."""
        providers = self.box.dir / "lab.yaml"
        (self.study.parent / "providers.yaml").rename(providers)
        made = self.scripts(self.study, "--providers", providers.name, "--data", self.study.parent)["coordinator"]
        said = next(line for line in made.splitlines() if "keep_saying submit" in line)
        given = re.search(r" --providers (\S+) --data (\S+) ", said)
        self.assertTrue(Path(given[1]).is_absolute(), said)
        self.assertEqual((os.path.realpath(given[1]), given[2]), (os.path.realpath(providers), str(self.study.parent)))

    def test_a_second_coordinator_leaves_the_first_its_address(self):
        """Who submits once more, for more workers, has not cut the fleet off that is at work."""
        self.program("sbatch", "echo 12\n")
        for name in ("squeue", "scontrol"):
            self.program(name, "exit 1\n")
        self.slurm("--submit", "--bind", "127.0.0.1")
        env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "SLURM_JOB_ID": "12"}
        address = self.fleet / "address"
        first = self.box.adopt(harness.Process(["bash", self.fleet / "coordinator.sbatch"], env=env))
        harness.wait_for(address.exists, what="the address", process=first)
        before = address.read_text()
        self.slurm(self.study, "--submit", "--bind", "127.0.0.1")
        second = self.box.adopt(harness.Process(["bash", self.fleet / "coordinator.sbatch"], env=env)).wait(30)
        self.assertNotEqual(second.code, 0)
        self.assertEqual(address.read_text(), before)
        operator = ("--coordinator", f"file:{address}", "--key", self.fleet / "operator.key")
        self.assertExit(self.box.clinsafe("list", *operator))
        first.kill()  # nor does one that is gone: the studies go to the one that has come
        third = self.box.adopt(harness.Process(["bash", self.fleet / "coordinator.sbatch"], env=env))
        harness.wait_for(lambda: "small" in self.box.clinsafe("list", *operator).out, what="its study", process=third)
        self.assertNotEqual(address.read_text(), before)
        harness.must(self.box.clinsafe("cancel", "--study", "small", *operator))  # it is over, and what waits beside the coordinator lets it go
        self.assertExit(third.wait(60))
        self.assertTrue((self.fleet / "finished").exists())

    def test_the_scripts_have_no_fault(self):
        made = self.scripts(self.study, "--redis", "tcp://[::1]:6379", "--bind", "[::]")
        for name in ("coordinator", "workers"):
            (self.box.dir / name).write_text(made[name])
            try:
                done = subprocess.run(["shellcheck", self.box.dir / name], capture_output=True, text=True, check=False)
            except FileNotFoundError:
                return  # where only `make test` is set up
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_workers_wait_for_work_that_comes_later(self):
        """Beside a study that is done another may be built: only a drain, or idleness, ends them."""
        self.assertNotIn("--until-done", self.scripts(self.study)["workers"])
        self.assertIn(" --idle-exit 900", self.scripts(self.study)["workers"])

    def test_a_coordinator_requeues_itself_when_its_time_is_over_only(self):
        """`squeue` that fails says nothing of the end: not that it was at midnight."""
        function = self.scripts()["coordinator"].split("\nagain() {", 1)[1].split("\n}\n", 1)[0]
        for name, text in (("squeue", f"cd {self.box.dir}; echo >> asked; [ $(wc -l < asked) -gt 2 ] || exit 1; cat end\n"),
                           ("scontrol", f"touch {self.box.dir}/requeued\n"), ("sleep", "exit 0\n")):
            self.program(name, text)
        for end, requeued in (("2099-01-01T00:00:00", False), ("N/A", False), ("2020-01-01T00:00:00", True)):
            for left in ("asked", "requeued"):
                (self.box.dir / left).unlink(missing_ok=True)
            (self.box.dir / "end").write_text(end + "\n")
            # kill: the coordinator lives until squeue has answered, and a while after.
            script = ("set -eu\nn=0\nkill() { n=$((n + 1)); [ $n -lt 9 ]; }\nSLURM_JOB_ID=7\nagain() {" + function + "\n}\nagain\n")
            done = subprocess.run(["bash", "-c", script], env={**os.environ, "LC_ALL": "C", "PATH": f"{self.bin}:{os.environ['PATH']}"}, timeout=60,
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr.replace("date: invalid date 'N/A'\n", "")), (0, ""))
            self.assertEqual(len((self.box.dir / "asked").read_text().splitlines()), 3)
            self.assertEqual((self.box.dir / "requeued").exists(), requeued, end)

    def test_the_scripts_shipped_are_these(self):
        made = self.box.clinsafe("slurm", "/shared/fleet", "--print", "--json")
        self.assertExit(made)
        for name in ("coordinator", "workers"):
            shipped = (harness.TOP / "ops" / "slurm" / f"{name}.sbatch").read_text()
            self.assertEqual(made.json()[name].replace(f" bin={harness.BUILD}\n", " bin=/usr/bin\n"), shipped)

    def test_what_is_refused(self):
        for args, words in ((("--print", "--submit"), "--print or --submit"), ((), "--print or --submit"),
                            (("--print", "--workers", 0), "--workers 0"), (("--print", "--workers", 5, "--tasks", 4), "--tasks 4"),
                            (("--print", "--partition", "a b"), "--partition a b"), (("--print", "--time", "1;rm"), "--time 1;rm"),
                            (("--print", "--line", "a\nb"), "--line"), (("--print", "--line", "export A=b \\"), "swallow the line"),
                            (("--print", "--line", "echo it's"), "--line:"), (("--print", "--line", "if true; then"), "--line:"),
                            (("--print", "--store", ""), "--store is empty"), (("--print", "--store", "/tmp/a[b]"), "/tmp/a[b]"),
                            (("--print", "--redis", "10.0.0.6:6379"), "tcp://HOST:PORT"), (("--print", "--sbatch", "constraint=ib"), "--sbatch constraint=ib")):
            with self.subTest(args=args):
                self.assertOneLine(self.slurm(*args, code=harness.EXIT_USAGE).err, words)
        self.slurm("--print", "--line", "if true; then", "--line", "module load x; fi")
        self.assertOneLine(self.box.clinsafe("slurm", self.study, "--print").err, "is a file; the fleet's folder comes first")
        self.assertOneLine(self.box.clinsafe("slurm", "", "--print").err, "DIR is empty")
        self.study.write_text(self.study.read_text().replace("repeats: 3\nmodels", "repeats: three\nmodels"))
        self.assertOneLine(self.slurm(self.study, "--print", code=harness.EXIT_INVALID).err, f"{self.study}:", "three")

    def test_a_judge_comes_later(self):
        judge = self.study.parent / "judge.yaml"
        judge.write_text("study: judge\ncases: {from_study: study.yaml}\n")
        done = self.slurm(self.study, judge, "--print", code=harness.EXIT_USAGE)
        self.assertOneLine(done.err, str(judge), "another study's outputs", "without studies")

    def test_nobody_simulates_on_slurm(self):
        """`run` starts a simulator for such models; in jobs nobody would answer, and workers stay until their time is over."""
        providers = self.study.parent / "providers.yaml"
        providers.write_text(self.simulated)
        self.program("sbatch", f"touch {self.box.dir}/submitted; echo 12\n")
        for how in ("--print", "--submit"):
            self.assertOneLine(self.slurm(self.study, how, code=harness.EXIT_USAGE).err, f"{self.study}: model-a is a simulated model (account simulated)",
                               "base_url", "`clinsafe run`")
        self.assertFalse(self.fleet.exists() or (self.box.dir / "submitted").exists(), "nothing is written or submitted")
        # One that the study does not ask is no matter, nor is a simulator that somebody runs and names by its address.
        providers.write_text(self.simulated.replace("models:\n", SERVED + "models:\n").replace("model-a: {account: simulated", "model-a: {account: own")
                             .replace("model-b: {account: simulated", "model-b: {account: own"))
        self.slurm(self.study, "--print")

    def test_limits_are_shared_through_redis_only(self):
        providers = self.study.parent / "providers.yaml"
        providers.write_text("".join(LIMITED if "model-a:" in line else line for line in providers.read_text().splitlines(True)))
        self.assertOneLine(self.slurm(self.study, "--print", code=harness.EXIT_USAGE).err, "model-a", "--redis", "--workers 1")
        self.slurm(self.study, "--print", "--workers", 1)
        self.slurm(self.study, "--print", "--redis", "tcp://10.0.0.6:6379")

    def test_a_job_is_longer_than_a_call(self):
        """Else each task of the array would leave as soon as it comes, and the coordinator wait for ever."""
        self.study.write_text(self.study.read_text().replace("timeout_s: 30", "timeout_s: 300"))
        for time in ("5", "0:30", "0:05:00", "0-0:05", "0-0:5:5", "00:04:59"):
            self.assertOneLine(self.slurm(self.study, "--print", "--time", time, code=harness.EXIT_USAGE).err, "305 s", f"--time {time} ")
        for time in ("6", "5:06", "0:06:00", "1-0", "0-1", "1-00:00:00", "UNLIMITED", "0"):
            self.slurm(self.study, "--print", "--time", time)

    def test_submit(self):
        self.program("sbatch", f'echo "$@" >> {self.box.dir}/said; echo "welcome to the site" >&2; echo "4711;cluster"\n')
        jobs = self.slurm("--submit", "--json").json()
        self.assertEqual((jobs["coordinator_job"], jobs["workers_job"]), ("4711", "4711"))
        said = (self.box.dir / "said").read_text().splitlines()
        self.assertEqual(said, [f"--parsable {self.fleet}/coordinator.sbatch",
                                f"--parsable --dependency=after:4711 {self.fleet}/workers.sbatch"])
        for name in ("coordinator.key", "worker.key", "operator.key", "allowed"):
            self.assertEqual(stat.S_IMODE((self.fleet / name).stat().st_mode), 0o600)
        keys = (self.fleet / "allowed").read_text()
        self.assertRegex(keys, r"(?s)role=worker name=worker.*role=operator name=operator")
        self.assertEqual((self.fleet / "coordinator.sbatch").read_text(), jobs["coordinator"])
        self.slurm("--submit")
        self.assertEqual((self.fleet / "allowed").read_text(), keys, "keys are made once")

    def test_submit_that_fails(self):
        self.program("sbatch", "echo 'sbatch: error: invalid partition specified: shrt' >&2; exit 1\n")
        self.assertOneLine(self.slurm("--submit", code=2).err, "invalid partition specified: shrt")
        self.program("sbatch", f'[ ! -e {self.box.dir}/once ] || exit 1; touch {self.box.dir}/once; echo 12\n')
        self.assertOneLine(self.slurm("--submit", code=2).err, "job 12 of the coordinator was submitted, its workers were not")


@harness.short
class Deadline(harness.TestCase):
    def worker(self, squeue, code, env=None):
        folder = self.box.dir / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "squeue").write_text("#!/bin/bash\n" + squeue)
        (folder / "squeue").chmod(0o755)
        done = self.box.start("clinsafe-worker", "--coordinator", f"ipc://{self.box.runtime}/none", "--deadline", "slurm",
                              env={"PATH": f"{folder}:{os.environ['PATH']}", **(env or {})}).wait(60)
        self.assertExit(done, code)
        return done

    def test_it_asks_slurm(self):
        done = self.worker('[ "$*" = "-h -j 77 -o %L" ] || exit 1; echo 0:07\n', 0, {"SLURM_JOB_ID": "77"})
        self.assertIn("the deadline leaves no time for another call", done.err)
        self.assertGreater(done.seconds, 1)
        # By the array's own number, which one of its tasks has as its job's, Slurm would tell of all of them.
        done = self.worker('[ "$*" = "-h -j 77_3 -o %L" ] || { echo 1:00:00; exit; }; echo 0:07\n', 0,
                           {"SLURM_JOB_ID": "77", "SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "3"})
        self.assertIn("the deadline leaves no time for another call", done.err)

    def test_no_job(self):
        self.assertOneLine(self.worker("echo 0:10\n", harness.EXIT_USAGE).err, "SLURM_JOB_ID is not set")
        self.assertOneLine(self.worker("echo 0:10\n", harness.EXIT_USAGE, {"SLURM_JOB_ID": "7;ls"}).err, "SLURM_JOB_ID")

    def test_nobody_answers(self):
        done = self.worker("exit 1\n", harness.EXIT_BUSY, {"SLURM_JOB_ID": "77"})
        self.assertOneLine(done.err, "squeue -h -j 77")
        done = self.worker("exit 1\n", 0, {"SLURM_JOB_ID": "77", "SLURM_JOB_END_TIME": "1000"})  # of newer versions
        self.assertIn("the deadline leaves no time", done.err)

    def test_an_answer_that_is_none(self):
        self.assertOneLine(self.worker("echo INVALID\n", harness.EXIT_USAGE, {"SLURM_JOB_ID": "77"}).err, "--deadline INVALID")


if __name__ == "__main__":
    harness.main()
