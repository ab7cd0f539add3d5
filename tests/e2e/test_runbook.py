#!/usr/bin/env python3
"""ops/RUNBOOK.md, block for block, in one shell: what an operator would copy works as it is written."""
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness

RUNBOOK = harness.TOP / "ops" / "RUNBOOK.md"


def may_mount():
    for words in (["--mount", "--propagation", "private"], ["--user", "--map-root-user", "--mount"]):
        if subprocess.run(["unshare", *words, "true"], capture_output=True, check=False).returncode == 0:
            return subprocess.run(["unshare", *words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode == 0
    return False


class Runbook(harness.TestCase):
    TIME_LIMIT_S = 300

    def test_the_day_as_it_is_written(self):
        text = RUNBOOK.read_text()
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
        self.assertGreater(len(blocks), 10)
        if not may_mount():
            print("skipped: the runbook's small disks: may not mount a tmpfs here", flush=True)
            blocks = [b for b in blocks if "$DISK" not in b]
        script = "\n".join(blocks)
        self.assertIn('PATH="$PWD/build:$PATH"', script)
        for old, new in zip(sorted(set(re.findall(r"127\.0\.0\.1:(\d{4,5})", script))), harness.free_ports(20)):
            script = script.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")  # whoever tests beside us has the same page
        day = self.box.dir / "day"
        day.mkdir()
        script = script.replace('"$PWD/build:$PATH"', f'"{harness.BUILD}:$PATH"').replace('"$(mktemp -d)"', f'"{day}"')
        shell = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=harness.TOP, env=harness.environment(), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            out, _ = shell.communicate(timeout=(self.TIME_LIMIT_S - 10) * harness.SLOW)
        finally:
            for pid_file in day.glob("redis.pid"):  # it has left the session
                os.kill(int(pid_file.read_text()), signal.SIGKILL)
            try:
                os.killpg(shell.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        logs = "".join(f"\n== {log.name}\n{log.read_text()[-1500:]}" for log in sorted(day.glob("*.log")))
        self.assertEqual(shell.returncode, 0, out[-4000:] + logs)
        for what in ("clinsafe_lane_trials{", "paused", "ed-triage-demo", "clean", "later commits than the backup", "restored from",
                     "the rotten disk: ended with 74", "a backup of it: ended with 74"):
            self.assertIn(what, out)
        for what in ("the full disk: ended with 75", "the read-only disk: ended with 75") if may_mount() else ():
            self.assertIn(what, out)
        rows = harness.rows_csv((day / "outputs.csv").read_text())
        self.assertEqual(len(rows), 59136)
        events = json.loads(harness.must(self.box.clinsafe("events", "--store", day / "store", "--json")).out)["events"]
        acts = {(e["act"], e.get("reason", "")) for e in events}
        for act in (("pause", "provider asks for quiet"), ("set", "wanted by noon"), ("restore", "its disk died")):
            self.assertIn(act, acts)


if __name__ == "__main__":
    harness.main()
