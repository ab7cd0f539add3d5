#!/usr/bin/env python3
"""`clinsafe run` where life differs from the demo: terminals that close, runs that go on without one, two runs with one key, providers
that cannot be reached, studies that end short, folders that cannot be used.

The provider is the test's own simulator, called as a real account: it outlives the runs and is the referee of what was asked.
"""
import errno
import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
from test_continue import is_alive

TRIALS = 252
HOW = "ends the run and keeps every answer; the same command continues it."


class Terminal:
    """A program on a pseudo terminal that it controls; also what a test wants to know of a Process."""

    def __init__(self, args, env, cwd):
        self.args, self.text = [str(a) for a in args], b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\xc8\x00\x00\x00\x00\x00")  # 40 lines of 200 columns

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            harness._die_with_parent()
        self._popen = subprocess.Popen(self.args, stdin=slave, stdout=slave, stderr=slave, env=harness.environment(env), cwd=cwd,
                                       preexec_fn=lead)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.pid, self.done = self._popen.pid, None

    def printed(self):
        try:
            while self.master is not None and (got := os.read(self.master, 65536)):
                self.text += got
        except OSError as e:
            if e.errno not in (errno.EAGAIN, errno.EIO):
                raise
        return self.text.decode(errors="replace")

    def poll(self):
        self.printed()
        if self.done is None and self._popen.poll() is not None:
            self.done = harness.Done(self.args, self._popen.returncode, self.printed(), "", 0)
        return self.done

    def wait(self, timeout=60):
        harness.wait_for(self.poll, timeout, "the end")
        return self.done

    def hang_up(self):
        self.printed()
        os.close(self.master)
        self.master = None

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._popen.wait()
        if self.master is not None:
            self.hang_up()


class Case(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.study = self.box.copy("small")
        self.dir = self.study.with_suffix(".clinsafe")

    def provider(self, *args):
        self.sim = self.box.simulator("--truth", self.study.parent / "truth.yaml", *args)
        return self.sim

    def account(self, base_url, more="", study=None):
        """The study's provider, as one that is not simulated as far as ClinSafe knows."""
        path = (study or self.study).parent / "providers.yaml"
        text, n = re.subn(r"simulated: \{.*\}", f"simulated: {{protocol: openai-chat, base_url: \"{base_url}\"{more}}}", path.read_text())
        self.assertEqual(n, 1)
        path.write_text(text)

    def rename(self, study, name):
        study.write_text(study.read_text().replace("study: small", f"study: {name}"))

    def command(self, *args, study=None):
        return ["run", study or self.study, "--workers", 1, "--slots", 4, *args]

    def start(self, *args, study=None, env=None, prefix=()):
        return self.box.start("clinsafe", *self.command(*args, study=study), env=env, prefix=prefix)

    def terminal(self, *args):
        return self.box.adopt(Terminal([harness.program("clinsafe"), *self.command(*args)],
                                       {"XDG_RUNTIME_DIR": str(self.box.runtime)}, self.box.dir))

    def says(self, run, *texts):
        for text in texts:
            harness.wait_for(lambda: text in run.printed(), what=f"`{text}`", process=run)

    def asked(self, n, process=None):
        harness.wait_for(lambda: self.sim.stats()["answered"] >= n, what=f"{n} answers", process=process)

    def processes(self):
        return json.loads((self.dir / "run.json").read_text())["processes"]

    def ended(self, processes):
        harness.wait_for(lambda: not any(is_alive(p) for p in processes), what="the end of its processes")

    def shown(self, study, name):
        done = self.box.clinsafe("status", study, "--json")
        self.assertExit(done)
        self.assertEqual(done.json()["study"], name)

    def rows(self):
        done = self.box.clinsafe("export", self.study, "--format", "jsonl")
        self.assertExit(done)
        return harness.rows_jsonl(done.out)

    def continues(self, paid_again=0):
        """The same command ends the study, and nothing but paid_again is asked twice."""
        self.assertExit(self.start().wait(100))
        self.assertEqual(len(self.rows()), TRIALS)
        stats = self.sim.stats()
        self.assertEqual(stats["unique_digests"], TRIALS)
        self.assertLessEqual(stats["answered"] - TRIALS, paid_again)


class Hangup(Case):
    def setUp(self):
        super().setUp()
        signal.signal(signal.SIGHUP, lambda *_: None)  # programs get the usual one, whatever the tests were started under (nohup)
        self.account(self.provider("--latency-ms", 100).url + "/v1")

    def drained(self):
        """It ended by itself, with what was in flight, and its processes with it."""
        asked = self.sim.stats()
        self.assertEqual((asked["in_flight"] if "in_flight" in asked else 0, asked["unique_digests"]), (0, asked["answered"]))
        self.assertEqual(len(self.rows()), asked["answered"])
        self.assertLess(asked["answered"], TRIALS)

    def test_a_terminal_that_closes(self):
        run = self.terminal()
        self.asked(20, run)
        processes = self.processes()
        run.hang_up()
        self.assertExit(run.wait(), harness.EXIT_INTERRUPTED)
        self.ended(processes)
        self.drained()
        self.continues()

    @harness.short
    def test_a_hangup_that_is_said_twice_is_no_second_interrupt(self):
        run = self.start()
        self.asked(20, run)
        run.signal(signal.SIGHUP)
        self.says(run, "Finishing the calls in flight")
        run.signal(signal.SIGHUP)
        done = run.wait()
        self.assertExit(done, harness.EXIT_INTERRUPTED)
        self.assertIn("Continue with:", done.err)
        self.drained()

    @harness.short
    def test_nohup_goes_on(self):
        run = self.start("--cases", 2, prefix=["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"])
        self.asked(10, run)
        run.signal(signal.SIGHUP)
        self.assertExit(run.wait())


class Detached(Case):
    def setUp(self):
        super().setUp()
        self.account(self.provider("--latency-ms", 100).url + "/v1")

    def detach(self):
        """Returns what it said, and the pid of the run that goes on; it dies with the test."""
        done = self.box.clinsafe(*self.command("--detach"))
        self.assertExit(done)
        pid = int(re.search(r"goes on without this terminal \(pid (\d+)\)", done.out)[1])
        self.addCleanup(self.end, pid, (self.dir / "lock").read_text())
        return done, pid

    def end(self, pid, lock):
        if (self.dir / "lock").exists() and (self.dir / "lock").read_text() == lock and is_there(pid):
            os.kill(pid, signal.SIGKILL)

    @harness.short
    def test_it_goes_on_and_is_watched_and_drained(self):
        done, pid = self.detach()
        self.assertIn(str(self.dir / "logs" / "run.log"), done.out)
        self.assertIn(f"clinsafe status --watch --dir {self.dir}\n", done.out)
        self.assertIn(f"clinsafe drain --dir {self.dir}", done.out)
        self.asked(20)
        self.shown(self.study, "small")
        again = self.start().wait()
        self.assertExit(again, harness.EXIT_BUSY)
        self.assertOneLine(again.err, self.dir, "detached", pid, f"clinsafe status --dir {self.dir} --watch", "clinsafe drain")
        processes = self.processes()
        self.assertExit(self.box.clinsafe("drain", "--dir", self.dir))
        harness.wait_for(lambda: not is_there(pid), what="its end")
        self.ended(processes)
        log = (self.dir / "logs" / "run.log").read_text()
        self.assertIn("Continue with:", log)
        self.assertEqual(len(self.rows()), self.sim.stats()["answered"])
        self.continues()

    def test_its_terminal_closes_and_it_ends_the_study(self):
        run = self.terminal("--detach")
        self.assertExit(run.wait())
        pid = int(re.search(r"\(pid (\d+)\)", run.done.out)[1])
        self.addCleanup(self.end, pid, (self.dir / "lock").read_text())
        run.hang_up()
        harness.wait_for(lambda: not is_there(pid), timeout=60, what="its end")
        self.assertIn("Everything is kept in", (self.dir / "logs" / "run.log").read_text())
        self.assertEqual(len(self.rows()), TRIALS)
        self.assertEqual(self.sim.stats()["answered"], TRIALS)

    def test_killed_its_processes_die_and_the_same_command_continues(self):
        _, pid = self.detach()
        self.asked(20)
        processes = self.processes()
        os.kill(pid, signal.SIGKILL)
        self.ended(processes)
        self.continues(paid_again=4 * 4)

    @harness.short
    def test_what_goes_wrong_before_is_said_as_ever(self):
        done = self.box.clinsafe("run", self.study, "--detach", "--redis", "unix:/nowhere/redis")
        self.assertExit(done, harness.EXIT_BUSY)
        self.assertOneLine(done.err, "/nowhere/redis")
        self.assertEqual(done.out, "")
        self.study.write_text(self.study.read_text().replace("repeats: 3\n", "repeats: three\n"))
        done = self.box.clinsafe("run", self.study, "--detach")
        self.assertExit(done, harness.EXIT_INVALID)
        self.assertOneLine(done.err, f"{self.study}:", "three")


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


KEY = ", key: {env: RUN_KEY}"


class OneKey(Case):
    """Two runs that do not know of each other exceed the limits of a key together."""

    def setUp(self):
        super().setUp()
        self.provider("--latency-ms", 100)
        self.other = self.box.copy("small", "other")
        self.rename(self.other, "other")

    def both(self, more=KEY):
        for study in (self.study, self.other):
            self.account(self.sim.url + "/v1", more, study)

    def refused(self, *args, env=None, parts=()):
        done = self.start(*args, study=self.other, env=env).wait()
        self.assertExit(done, harness.EXIT_BUSY)
        self.assertOneLine(done.err, "study small in", self.dir, "--redis", *parts)
        return done

    @harness.short
    def test_the_second_is_told_before_it_asks_anything(self):
        self.both()
        first = self.start(env={"RUN_KEY": "sk-one"})
        self.asked(10, first)
        done = self.refused(env={"RUN_KEY": "sk-one"}, parts=("same key", f"pid {first.pid}", "wait for it"))
        self.assertNotIn("sk-one", done.err)
        for path in (self.box.runtime / "clinsafe").iterdir():
            self.assertNotIn("sk-one", path.read_text() + path.name)
        self.assertEqual((self.box.runtime / "clinsafe").stat().st_mode & 0o777, 0o700)
        other = self.start("--cases", 1, study=self.other, env={"RUN_KEY": "sk-two"})  # another key is another quota
        self.assertExit(other.wait())
        first.kill()  # no word of farewell
        self.assertExit(self.start("--cases", 2, study=self.other, env={"RUN_KEY": "sk-one"}).wait())

    @harness.short
    def test_a_server_without_a_key(self):
        self.both("")
        first = self.start()
        self.asked(10, first)
        self.refused(parts=("same server",))

    @harness.short
    def test_simulated_models_need_none(self):
        runs = [self.start("--cases", 2, "--simulator", self.sim.url, study=s) for s in (self.study, self.other)]
        for run in runs:
            self.assertExit(run.wait())
        self.assertFalse((self.box.runtime / "clinsafe").exists())

    @harness.short
    def test_a_folder_that_others_could_have_made_is_refused(self):
        self.both()
        trap = self.box.dir / "trap"
        trap.mkdir(mode=0o700)
        (self.box.runtime / "clinsafe").symlink_to(trap)
        done = self.start(env={"RUN_KEY": "sk-one"}).wait()
        self.assertExit(done, harness.EXIT_DENIED)
        self.assertOneLine(done.err, self.box.runtime / "clinsafe", "XDG_RUNTIME_DIR")
        self.assertEqual(list(trap.iterdir()), [])
        (self.box.runtime / "clinsafe").unlink()
        (self.box.runtime / "clinsafe").mkdir()
        (self.box.runtime / "clinsafe").chmod(0o777)
        self.assertExit(self.start(env={"RUN_KEY": "sk-one"}).wait(), harness.EXIT_DENIED)
        self.assertEqual(self.sim.stats()["requests"], 0)

    def redis(self):
        path = self.box.dir / "redis"
        server = self.box.adopt(harness.Process(["redis-server", "--port", 0, "--unixsocket", path, "--save", "", "--dir", self.box.dir]))
        harness.wait_for(path.exists, what="Redis", process=server)
        return f"unix:{path}"

    def test_with_one_redis_two_share_the_limit(self):
        rpm = 600
        self.sim.kill()
        self.provider("--latency-ms", 50, "--rpm", rpm)
        self.both(KEY + f", limits: {{requests_per_minute: {rpm}}}")
        address, env = self.redis(), {"RUN_KEY": "sk-one"}
        runs = [self.start("--redis", address, study=s, env=env) for s in (self.study, self.other)]
        for run in runs:
            self.says(run, "252 trials")
        third = self.box.copy("small", "third")
        self.account(self.sim.url + "/v1", KEY, third)
        done = self.start(study=third, env=env).wait()
        self.assertExit(done, harness.EXIT_BUSY)
        self.assertOneLine(done.err, f"--redis {address}")
        self.shown(self.study, "small")
        self.shown(self.other, "other")
        began = time.monotonic()
        for run in runs:
            self.assertExit(run.wait(100))
        spent = time.monotonic() - began
        stats = self.sim.stats()
        self.assertEqual((stats["answered"], stats["limit_violations"]), (2 * TRIALS, 0), f"in {spent:.0f} s")


class Unreachable(Case):
    """Model, address, cause and what to do, once, while it waits."""

    def waits(self, run, host, cause, timeout=30):
        self.says(run, HOW)
        harness.wait_for(lambda: re.search(rf"(?m)^model-a: (?!no answer yet).*{re.escape(host)}.*{cause}", run.printed()), timeout,
                         what=cause, process=run)
        self.assertRegex(run.printed(), rf"(?m)^model-a: .*asked again after growing pauses\s*$")
        time.sleep(3)  # nothing more is said meanwhile
        said = run.printed()
        self.assertEqual(len(re.findall(r"(?m)^model-a: (?!no answer yet)", said)), 1, said)
        self.assertEqual(said.count(HOW), 1, said)
        return said

    def interrupted(self, run):
        os.kill(run.pid, signal.SIGINT)
        done = run.wait()
        self.assertExit(done, harness.EXIT_INTERRUPTED)
        self.assertIn("Continue with:", done.out + done.err)

    def closed_port(self):
        return harness.free_ports()[0]

    def test_refused_and_there_again(self):
        port = self.closed_port()
        self.account(f"http://127.0.0.1:{port}/v1")
        run = self.start()
        self.waits(run, f"127.0.0.1:{port}", "Connection refused")
        self.sim = self.box.start("clinsafe-simulator", "--port", port, "--truth", self.study.parent / "truth.yaml")
        self.says(run, "model-a: goes on\n", "model-b: goes on\n")
        self.assertExit(run.wait())

    @harness.short
    def test_on_a_terminal(self):
        port = self.closed_port()
        self.account(f"http://127.0.0.1:{port}/v1")
        run = self.terminal()
        harness.wait_for(lambda: HOW in run.printed(), what="what to do", process=run)
        self.assertRegex(run.printed(), rf"model-[ab]: no connection to the provider at 127.0.0.1:{port}: Connection refused")
        time.sleep(2)
        self.assertEqual(run.printed().count(HOW), 1)
        self.interrupted(run)

    @harness.short
    def test_a_name_that_is_not_there(self):
        self.account("https://no-such-host.invalid/v1")
        run = self.start()
        self.waits(run, "no-such-host.invalid", "is not found")
        self.interrupted(run)

    @harness.short
    def test_no_tls(self):
        port = self.provider().port
        self.account(f"https://127.0.0.1:{port}/v1")
        run = self.start()
        self.waits(run, f"127.0.0.1:{port}", "certificate")
        self.interrupted(run)

    def test_a_proxy(self):
        for proxy in (self.closed_port(), self.provider().port):  # nobody there; one who does not know CONNECT
            with self.subTest(proxy=proxy):
                self.account("https://no-such-host.invalid/v1")
                run = self.start(env={"HTTPS_PROXY": f"http://127.0.0.1:{proxy}"})
                self.waits(run, "proxy on the way to no-such-host.invalid", "")
                self.interrupted(run)
            path = self.study.parent / "providers.yaml"
            path.write_text((harness.FIXTURES / "small" / "providers.yaml").read_text())

    def test_nothing_comes_back(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(0)
            port = s.getsockname()[1]
            full = [socket.socket() for _ in range(3)]
            for c in full:
                c.setblocking(False)
                c.connect_ex(("127.0.0.1", port))
            self.account(f"http://127.0.0.1:{port}/v1")
            run = self.start("--slots", 32)
            self.says(run, f"model-a: no answer yet from http://127.0.0.1:{port}/v1; waiting", HOW)
            self.waits(run, f"127.0.0.1:{port}", "nothing comes back", timeout=90)
            self.interrupted(run)
            for c in full:
                c.close()


class Shortfall(Case):
    """Over 2 % of a model without an answer that can be used: 2, with what and what to do; at most 2 %: 0."""

    def run_with(self, share):
        self.study.write_text(self.study.read_text().replace("timeout_s: 30", "timeout_s: 4"))  # a busy machine must not add to them
        self.account(self.provider("--latency-ms", 1, "--always", f"hang={share}").url + "/v1")
        return self.start("--json", "--slots", 32).wait()

    @harness.short
    def test_over_two_percent(self):
        done = self.run_with(0.2)
        self.assertExit(done, 2)
        for lane in json.loads(done.out)["lanes"]:
            n = lane["counters"]["outcome"]["timeout"]
            self.assertGreater(n, 126 // 50)
            self.assertIn(f"clinsafe: {lane['model']}: {n} of 126 trials ({100 * n / 126:.1f} %) have no answer that can be used: "
                          f"{n} timeout\n", done.err)
        self.assertRegex(done.err, r"(?m)^  timeout: `\S*clinsafe run .* --retry-timeouts` asks the timeouts again$")

    @harness.short
    def test_fewer(self):
        done = self.run_with(0.013)
        counts = [lane["counters"]["outcome"]["timeout"] for lane in json.loads(done.out)["lanes"]]
        self.assertTrue(0 < sum(counts) and max(counts) <= 2, counts)  # drawn by the simulator's seed: the same each time
        self.assertExit(done)
        self.assertNotIn("can be used", done.err)


class Folders(Case):
    """What is wrong with a place is said in one line."""

    def refused(self, code, *args, prefix=()):
        done = self.box.start("clinsafe", *args, prefix=prefix).wait()
        self.assertExit(done, code)
        return done.err

    @harness.short
    def test_the_folder_of_a_study(self):
        for command in (["run"], ["plan"]):
            self.assertOneLine(self.refused(harness.EXIT_MISSING, *command, self.study.parent), "folder", self.study)
            self.assertOneLine(self.refused(harness.EXIT_MISSING, *command, self.box.dir), "folder", "name the study file")

    @harness.short
    def test_a_place_that_cannot_be_written(self):
        self.assertOneLine(self.refused(harness.EXIT_BUSY, "run", self.study, "--dir", "/sys/clinsafe"), "/sys/clinsafe", "--dir DIR")
        self.assertOneLine(self.refused(harness.EXIT_BUSY, "run", self.study, "--dir", self.study / "d"), self.study, "Not a directory",
                           "--dir DIR")

    @harness.short
    def test_a_limit_on_the_size_of_files(self):
        limit = ["bash", "-c", "ulimit -f $0; exec \"$@\""]
        self.assertOneLine(self.refused(harness.EXIT_BUSY, "run", self.study, prefix=[*limit, "1"]), "ulimit -f")

    @harness.short
    def test_a_disk_of_400_kb(self):
        disk = self.box.dir / "disk"
        disk.mkdir()
        mounted = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=400k tmpfs "$0" && exec "$@"', disk]
        if self.box.adopt(harness.Process([*mounted, "true"])).wait().code != 0:
            self.skipTest("no right to mount a disk of its own")
        said = self.refused(harness.EXIT_BUSY, "run", self.study, "--dir", disk / "d", prefix=mounted)
        self.assertOneLine(said, "free on its disk; make room for at least 1 MiB")

    @harness.short
    def test_a_program_that_is_not_installed(self):
        done = self.box.clinsafe("run", self.study, env={"PATH": str(self.box.dir)})
        self.assertOneLine(done.err, "cannot start redis-server", "No such file")
        self.assertNotEqual(done.code, 0)


if __name__ == "__main__":
    harness.main()
