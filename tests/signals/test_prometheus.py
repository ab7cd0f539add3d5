#!/usr/bin/env python3
"""A real Prometheus scrapes a fleet: its figures, every query of the dashboard, the alert rules, and one alert that fires."""
import json
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib")]
import harness
import local_fleet

OPS = harness.TOP / "ops" / "prometheus"
TRIALS = 252


def promtool(*args, stdin=None):
    return subprocess.run(["promtool", *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60)


class Prometheus(local_fleet.TestCase):
    COORDINATOR = ("--http", "127.0.0.1:0")
    LATENCY_MS = 20

    def start_prometheus(self, worker_at):
        """On the shipped configuration, with our addresses and seconds for minutes."""
        folder = self.box.dir / "prometheus"
        folder.mkdir()
        config = (OPS / "prometheus.yml").read_text().replace("127.0.0.1:9460", urllib.parse.urlsplit(self.ready["http"]).netloc).replace("127.0.0.1:9461", worker_at)
        (folder / "prometheus.yml").write_text(config.replace("15s", "1s"))
        (folder / "alerts.yml").write_text(re.sub(r"for: \d+m", "for: 1s", (OPS / "alerts.yml").read_text()))
        port = harness.free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        p = self.box.adopt(harness.Process(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                                            f"--web.listen-address=127.0.0.1:{port}"]))
        harness.wait_for(self.is_up, what="Prometheus", process=p)

    def is_up(self):
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def query(self, expr):
        with urllib.request.urlopen(f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expr}), timeout=10) as r:
            answer = json.load(r)
        self.assertEqual(answer["status"], "success", expr)
        return answer["data"]["result"]

    def value(self, expr):
        result = self.query(expr)
        return float(result[0]["value"][1]) if result else None

    def test_a_fleet_as_prometheus_sees_it(self):
        study = self.box.copy("small")
        self.assertExit(self.box.clinsafe("submit", study, "--coordinator", self.where["admin"]))
        worker = self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                                self.redis, "--slots", self.SLOTS, "--simulator", self.sim.url, "--name", "w", "--http", "127.0.0.1:0")
        at = harness.wait_for(lambda: re.search(r"ev=http address=http://(\S+)", worker.printed()), what="its page", process=worker)[1]
        for where in (urllib.parse.urlsplit(self.ready["http"]).netloc, at):
            with urllib.request.urlopen(f"http://{where}/metrics", timeout=10) as r:
                checked = promtool("check", "metrics", stdin=r.read().decode())
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        self.start_prometheus(at)
        harness.wait_for(lambda: self.value('sum(clinsafe_lane_trials{state="done"})') == TRIALS, what="the end of the study", timeout=60)
        stats = self.sim.stats()
        self.assertEqual((stats["requests"], stats["answered"]), (TRIALS, TRIALS))
        for name in ("started_total", 'total{end="answered"}'):  # each: a scrape may fall between the last call and its answer
            harness.wait_for(lambda name=name: self.value(f"sum(clinsafe_worker_calls_{name})") == TRIALS, what="the provider's own count")
        self.assertEqual(self.value('sum(clinsafe_outputs_total{fate="committed"})'), TRIALS)
        panels = json.loads((OPS / "dashboard.json").read_text())["panels"]
        queries = [t["expr"] for p in panels for t in p["targets"]]
        self.assertGreater(len(queries), 12)
        for expr in queries:
            self.query(expr)
        named = self.query("clinsafe_worker_lane_slots * on(generation, lane) group_left(model, study) clinsafe_lane_info")
        self.assertEqual({r["metric"]["model"] for r in named}, {"model-a", "model-b"})
        self.assertEqual(self.query('ALERTS{alertname="ClinsafeCoordinatorSilent",alertstate="firing"}'), [])
        self.coordinator.kill()
        harness.wait_for(lambda: self.query('ALERTS{alertname="ClinsafeCoordinatorSilent",alertstate="firing"}'), what="the alert to fire",
                         timeout=60)


class Rules(harness.TestCase):
    def test_rules_and_configuration(self):
        for args in (("check", "rules", OPS / "alerts.yml"), ("test", "rules", OPS / "alerts_test.yml"), ("check", "config", OPS / "prometheus.yml")):
            done = promtool(*args)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_has_a_test(self):
        names = set(re.findall(r"- alert: (\w+)", (OPS / "alerts.yml").read_text()))
        tested = set(re.findall(r"alertname: (\w+)", (OPS / "alerts_test.yml").read_text()))
        self.assertEqual(names, tested)

    def test_a_rule_that_is_wrong_is_found(self):
        folder = self.box.dir / "rules"
        shutil.copytree(OPS, folder)
        rules = folder / "alerts.yml"
        rules.write_text(rules.read_text().replace("> 0.05", "> 0.01"))
        self.assertNotEqual(promtool("test", "rules", folder / "alerts_test.yml").returncode, 0)


if __name__ == "__main__":
    harness.main()
