#!/usr/bin/env python3
"""The wall screen: into a pipe and on a terminal, while parts of the fleet die; its figures against those counted elsewhere."""
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet

TRIALS = 252


class Screen:
    """clinsafe on a terminal of the test's own. What it draws is kept as it came; a screen itself is not rebuilt."""

    def __init__(self, args, columns, rows, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(args[0], list(map(str, args)), harness.environment(env))
        self.text = ""
        self.size(columns, rows)
        os.set_blocking(self.fd, False)

    def size(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def read(self):
        try:
            while True:
                chunk = os.read(self.fd, 65536)
                if not chunk:
                    break
                self.text += chunk.decode(errors="replace")
        except OSError:
            pass
        return self.text

    def sees(self, text, timeout=20):
        """Waits until it has drawn this since the last `forget`."""
        return harness.wait_for(lambda: text in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.read()), timeout=timeout, what=f"{text!r} on the screen")

    def forget(self):
        self.read()
        self.text = ""

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        deadline = time.monotonic() + 10 * harness.SLOW
        while time.monotonic() < deadline:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("the screen did not end")


class Watch(local_fleet.TestCase):
    LATENCY_MS = 300

    def submit(self):
        self.assertExit(self.box.clinsafe("submit", self.box.copy("small"), "--coordinator", self.where["admin"]))
        return self.start_worker("w-1")

    def status(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return done.json() if done.code == 0 else {}  # at first Redis knows nothing

    def screen(self, columns=120, rows=30, **env):
        args = [harness.program("clinsafe"), "status", "--redis", self.redis, "--watch", "--coordinator", self.where["admin"], "--store", self.store]
        s = Screen(args, columns, rows, {"TERM": "xterm-256color", **env})
        self.addCleanup(lambda: s.pid and self._kill(s.pid))
        return s

    @staticmethod
    def _kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @harness.short
    def test_into_a_pipe_it_is_a_block_whose_figures_are_right(self):
        self.sim.control(latency={"median_ms": 5})
        self.submit()
        harness.wait_for(lambda: self.status().get("state") == "finished", what="the end")
        w = self.box.start("clinsafe", "status", "--redis", self.redis, "--watch", "--every", 1, env={"COLUMNS": "200"})
        harness.wait_for(lambda: w.printed().count("ClinSafe") >= 2, what="two blocks", process=w)
        w.signal(signal.SIGINT)
        self.assertExit(w.wait())
        block = w.printed().split("\n\n")[0]
        self.assertNotIn("\x1b", block)
        rows = harness.rows_jsonl(self.box.clinsafe("export", "--store", self.store, "--format", "jsonl").out)
        heads = next(line for line in block.splitlines() if line.startswith("LANE"))
        for model in ("model-a", "model-b"):
            line = next(line for line in block.splitlines() if line.startswith(model))
            cells = dict(zip(re.split(r"\s{2,}", heads.strip()), re.split(r"\s{2,}", line.strip())))
            mine = [r for r in rows if r["model"] == model]
            ok, refused = (sum(r["outcome"] == o for r in mine) for o in ("ok", "refused"))
            lost = sum(r["outcome"] in ("timeout", "unparsable", "truncated") for r in mine)
            self.assertEqual(cells["DONE"], "100.0 %")
            self.assertEqual((cells["OK %"], cells["REFUSED %"], cells["LOST %"]),
                             tuple(f"{100 * n / len(mine):.1f}" for n in (ok, refused, lost)))
            self.assertEqual(cells["RETRIED"], str(sum(r["attempts"] for r in mine) - len(mine)))
            cost = sum(float(r["cost_usd"]) for r in mine)
            self.assertLess(abs(float(cells["COST"].lstrip(">=$")) - cost), 0.0001)
        stats = self.sim.stats()
        self.assertIn("small", block)
        disk = os.statvfs(self.store)
        self.assertAlmostEqual(self.status()["disk_free_bytes"] / (disk.f_bavail * disk.f_frsize), 1, delta=0.2)
        self.assertEqual(stats["answered"], TRIALS)

    def test_a_terminal_that_changes_its_size_and_keys_that_act(self):
        self.submit()
        s = self.screen()
        s.sees("model-a")
        s.press("p")
        s.sees("pause model-a of small: done")
        s.forget()
        harness.wait_for(lambda: any(lane["state"] == "paused" for lane in self.status().get("lanes", [])), what="the pause")
        s.sees("NEEDS YOU")
        s.press("\r")
        s.sees("a call takes")
        s.press("\r")
        for columns, rows in ((60, 12), (250, 80), (61, 20), (80, 24)):
            s.forget()
            s.size(columns, rows)
            s.sees("ClinSafe")
        s.press("r")
        s.sees("resume model-a of small: done")
        s.press("v")
        s.sees("resume small model-a")
        s.press("v")
        s.press("b12\x1b")
        s.press("q")
        self.assertEqual(s.end(), 0)

    def test_it_says_what_is_dead_and_goes_on(self):
        self.submit()
        s = self.screen(NO_COLOR="1")
        s.sees("healthy")
        self.coordinator.signal(signal.SIGSTOP)
        s.forget()
        s.sees("COORDINATOR SILENT since", timeout=30)
        self.coordinator.signal(signal.SIGCONT)
        s.forget()
        s.sees("healthy", timeout=30)
        self.assertNotIn("\x1b[41m", s.text, "NO_COLOR")
        self.redis_process.signal(signal.SIGSTOP)
        s.forget()
        s.sees("REDIS SILENT since", timeout=30)
        self.redis_process.signal(signal.SIGCONT)
        s.forget()
        s.sees("healthy", timeout=30)
        s.press("q")
        self.assertEqual(s.end(), 0)

    def open_errors(self, study, sentence="429 Rate limit reached"):
        """Submits it to a provider that refuses one call in five; the screen on its errors, when there are some."""
        self.sim.control(latency={"median_ms": 30}, faults={"rate_limited": 0.2})
        self.assertExit(self.box.clinsafe("submit", study, "--coordinator", self.where["admin"]))
        self.start_worker("w-1")
        harness.wait_for(lambda: any(lane.get("errors") for lane in self.status().get("lanes", [])), what="errors in Redis")
        s = self.screen(columns=200, rows=50)
        s.sees(sentence)
        s.press("e")
        s.sees("WHAT CAME BACK")
        return s

    @harness.short
    def test_an_error_opens_its_first_trial_and_a_trial_opens_by_name(self):
        s = self.open_errors(self.box.copy("small"))
        first = min((e["first_wall_ms"], lane["model"], e["first_position"]) for lane in self.status()["lanes"] for e in lane.get("errors", []))
        s.sees(f"trial {first[2]:,} of {first[1]}")
        s.press("\r")
        rows = harness.wait_for(lambda: {(r["model"], r["position"]): r for r in harness.rows_jsonl(
            self.box.clinsafe("export", "--store", self.store, "--format", "jsonl").out)}.get(first[1:]), what="its answer")
        s.sees(f"case {rows['case_id']}, group = {rows['factor.group']}, question disposition, model {first[1]}")
        s.sees(rows["digest"])
        s.sees("messages")
        s.forget()
        s.press("\x1b")  # back to the errors, and to all
        s.sees("WHAT CAME BACK")
        s.forget()
        s.press("\x1b")
        s.sees("NEEDS YOU")
        s.press("t")
        s.sees("its number, or CASE [LEVEL [REPEAT]]")
        s.press("a-02 control 1\r")
        s.sees("case a-02, group = control")
        s.sees("twisted ankle")
        s.press("\x1bta-99\r")
        s.sees('the study has no case "a-99"')
        s.press("q")
        self.assertEqual(s.end(), 0)

    @harness.short
    def test_texts_of_confidential_cases_are_on_no_wall(self):
        study = self.box.copy("small")
        study.write_text(study.read_text().replace("cases: {file: cases.csv,", "cases: {confidential: true, file: cases.csv,", 1))
        s = self.open_errors(study, " x 429")
        everything = s.read()
        s.press("\r")
        s.sees("the cases are confidential")
        s.sees("HTTP 200", timeout=30)
        everything += s.read()
        s.press("q")
        self.assertEqual(s.end(), 0)
        for words in ("chest pressure", "twisted ankle", "messages", "rganization"):  # of cases, requests, the provider
            self.assertNotIn(words, everything.split("WHAT CAME BACK")[-1])
        for lane in self.status()["lanes"]:
            self.assertLessEqual({e["sentence"] for e in lane.get("errors", [])}, {"429"})

    @harness.short
    def test_run_has_the_same_screen_and_q_ends_it(self):
        study = self.box.copy("small", "mine")
        self.sim.control(latency={"median_ms": 1000})
        s = Screen([harness.program("clinsafe"), "run", study, "--workers", 1, "--slots", 2, "--simulator", self.sim.url], 120, 40,
                   {"TERM": "xterm-256color", "TMPDIR": str(self.box.runtime)})
        self.addCleanup(lambda: self._kill(s.pid))
        s.sees("model-a")
        s.sees("q]uit: ends the run")
        s.press("q")
        s.sees("end this run?")
        s.press("n")
        s.forget()
        s.press("qy")
        s.sees("Continue with:", timeout=60)
        self.assertEqual(s.end(), harness.EXIT_INTERRUPTED)
        self.sim.control(latency={"median_ms": 100})
        again = self.box.start("clinsafe", "run", study, "--workers", 1, "--slots", 8, "--simulator", self.sim.url)
        self.assertExit(again.wait())
        self.assertIn("ClinSafe  ", again.printed(), "a block into a pipe")
        self.assertNotIn("\x1b", again.printed())

    @harness.short
    def test_in_the_background_of_a_terminal_it_runs_on_as_blocks(self):
        self.sim.control(latency={"median_ms": 60})
        study = self.box.copy("small", "behind")
        s = Screen(["/usr/bin/env", "bash", "-c", 'timeout 40 "$@"; exit $?', "-", harness.program("clinsafe"), "run", study, "--workers", 1, "--slots", 8,
                    "--simulator", self.sim.url], 120, 40, {"TERM": "xterm-256color", "TMPDIR": str(self.box.runtime)})
        self.addCleanup(lambda: self._kill(s.pid))
        s.sees("Everything is kept in", timeout=40)
        self.assertEqual(s.end(), 0)
        self.assertIn("ClinSafe  ", s.text)
        self.assertNotIn("\x1b", s.text)

    @harness.short
    def test_a_second_fleet_in_the_same_redis(self):
        """Whoever watches one goes on; whoever comes now has to say which."""
        self.submit()
        watch = lambda: self.box.start("clinsafe", "status", "--redis", self.redis, "--watch", "--every", 1)
        w = watch()
        blocks = lambda: w.printed().count("ClinSafe  ")
        harness.wait_for(lambda: blocks() > 1 and "healthy" in w.printed(), what="a block", process=w)
        told = lambda: w.printed().rpartition("healthy")[2]
        self.redis_cli("SADD", "clinsafe:fleets", "another")
        self.redis_cli("HSET", "clinsafe:another:progress", "fleet", "{}")
        n = blocks()
        harness.wait_for(lambda: blocks() > n + 9, what="blocks", process=w)
        self.assertNotIn("REDIS", told())
        w.stop()
        late = watch().wait(20)
        self.assertExit(late, harness.EXIT_INVALID)
        self.assertIn("Redis knows 2 fleets", late.err)

    @harness.short
    def test_where_there_is_no_redis_or_no_cursor(self):
        w = self.box.start("clinsafe", "status", "--redis", "unix:/nowhere/redis", "--watch", "--every", 1)
        harness.wait_for(lambda: w.printed().count("REDIS DOES NOT ANSWER") >= 2, what="two blocks that say so", process=w)
        w.signal(signal.SIGTERM)
        self.assertExit(w.wait())
        s = self.screen(TERM="dumb")
        s.sees("ClinSafe")
        s.forget()
        s.sees("ClinSafe")
        self.assertNotIn("\x1b", s.text)
        os.kill(s.pid, signal.SIGINT)
        self.assertEqual(s.end(), 0)
        self.assertEqual(self.box.clinsafe("status", "--redis", self.redis, "--watch", "--every", 0).code, harness.EXIT_USAGE)


if __name__ == "__main__":
    harness.main()
