#!/usr/bin/env python3
"""Nothing can come: all servers of a model are dead, or unlisted; no worker is there; the coordinator is dead. Screen, pages, figures and plain
`status` say so, with since when, and name no end."""
import json
import re
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parent)]
import harness
import local_fleet
from test_servers import replace
from test_signals import get, samples

ETA = 'clinsafe_study_eta_seconds{study="small"}'
AWAY = 'clinsafe_lane_provider_away{study="small",model="model-a"}'


class Outage(local_fleet.TestCase):
    COORDINATOR = ("--http", "127.0.0.1:0")
    TIME_LIMIT_S = 180

    def begin(self, workers=2):
        """A model on the servers of a file, answered at first."""
        study = self.box.copy("small")
        self.list, self.sims = study.parent / "servers.txt", [self.sim, self.box.simulator("--truth", self.box.dir / "truth" / "truth.yaml", "--latency-ms", 200)]
        self.relist(*self.sims)
        study.write_text(study.read_text().replace("repeats: 3\n", "repeats: 90\n").replace("[model-a, model-b]", "[model-a]"))
        (study.parent / "providers.yaml").write_text(
            f'accounts:\n  lab: {{protocol: openai-chat, base_url: "file:{self.list}", key: {{env: LAB_KEY}}}}\n'
            "models:\n  model-a: {account: lab, model: a-2026-01-01, price: {input: 1.0, output: 3.0}}\n")
        self.assertExit(self.box.clinsafe("submit", study, "--coordinator", self.where["admin"]))
        for i in range(workers):
            self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis", self.redis,
                           "--slots", 3, "--name", f"w-{i}", env={"LAB_KEY": "k"})
        harness.wait_for(lambda: self.lane().get("eta_s", -1) > 0 and self.metrics().get(ETA, -1) > 0, what="an end in sight", process=self.coordinator)

    def relist(self, *sims):
        replace(self.list, "".join(s.url + "\n" for s in sims))

    def status(self):
        return self.box.clinsafe("status", "--redis", self.redis).out

    def json(self):
        done = self.box.clinsafe("status", "--redis", self.redis, "--json")
        return json.loads(done.out) if done.code == 0 else {}

    def lane(self):
        return (self.json().get("lanes") or [{}])[0]

    def metrics(self):
        return samples(get(self.ready["http"], "/metrics")[1])[0]

    def screen(self):
        """One block of the wall screen."""
        watch = self.box.start("clinsafe", "status", "--redis", self.redis, "--watch", "--every", 1)
        harness.wait_for(lambda: watch.printed().count("ClinSafe") > 1, what="the screen", process=watch)
        block = watch.printed().split("ClinSafe")[1]
        watch.stop()
        return block

    def says_outage(self, why, binds):
        lane = harness.wait_for(lambda: (lane := self.lane()).get("held") == "outage" and lane["binds"] == binds and re.search(why, lane["reason"])
                                and lane, what=f"the outage: {why}", timeout=60)
        self.assertEqual((lane["eta_s"], lane["limit"]), (-1, 0))
        self.assertLess(abs(lane["held_since_wall_ms"] / 1e3 - self.since), 5, "since the last answer")
        plain = self.status()
        self.assertRegex(plain, r"^NO ANSWER from model-a since [\d:]+ \([\w ]+\): .*" + why)
        self.assertRegex(plain, r"ETA -")
        screen = self.screen()
        self.assertRegex(screen, r"^.* NEEDS YOU\n")
        self.assertRegex(screen, r"\nNO ANSWER since [\d:]+ \([\w ]+\): model-a of small\. ")
        self.assertRegex(screen, r"\nsmall +running .* - .*  model-a no answer since [\d:]+")
        self.assertNotIn("healthy", screen)
        page, study = get(self.ready["http"], "/")[1], get(self.ready["http"], "/study/small")[1]
        self.assertIn("A provider answers nobody", page)
        self.assertRegex(page, r"model-a: no answer since .*" + why)
        self.assertRegex(study, r"model-a has not answered since .*" + why)
        self.assertNotIn("at this pace", study)
        metrics = self.metrics()
        self.assertEqual((metrics[AWAY], ETA in metrics), (1, False))
        return lane

    def test_servers_die_leave_the_list_and_come_back(self):
        self.begin()
        self.assertIn("healthy", self.screen())
        for s in self.sims:
            s.kill()
        self.since = time.time()
        lane = self.says_outage(r"none of its 2 servers answers: no connection", "provider_away")
        self.relist()
        lane = self.says_outage("no server is listed in", "no_server")
        for s in self.sims:
            self.assertNotIn(s.url.split("/")[2], lane["reason"])
        self.relist(self.box.simulator("--truth", self.box.dir / "truth" / "truth.yaml", "--latency-ms", 40))
        harness.wait_for(lambda: self.lane().get("eta_s", -1) > 0 and "healthy" in self.screen(), what="its end", timeout=20)
        self.assertEqual(self.metrics()[AWAY], 0)
        self.assertNotIn("NO ANSWER", self.status())

    def test_no_worker_and_then_no_coordinator(self):
        self.begin(workers=1)
        self.assertIn("at this pace it ends", get(self.ready["http"], "/study/small")[1])
        self.assertExit(self.box.clinsafe("drain", "w-0", "--coordinator", self.where["admin"]))
        screen = harness.wait_for(lambda: "NO WORKER is there" in (s := self.screen()) and s, what="no worker", timeout=30)
        self.assertRegex(screen, r"^.* NO WORKER\n")
        self.assertRegex(screen, r"\nsmall +running .*\] +[\d.,]+ +- +")
        self.assertRegex(self.status(), r"^NO WORKER is there(.*\n)+.*ETA -")
        self.assertNotIn(ETA, self.metrics())
        self.assertNotIn("at this pace", get(self.ready["http"], "/study/small")[1])
        self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis", self.redis, "--slots", 3,
                       "--name", "w-9", env={"LAB_KEY": "k"})
        harness.wait_for(lambda: self.lane().get("eta_s", -1) > 0, what="an end in sight", timeout=30)
        self.coordinator.kill()
        plain = harness.wait_for(lambda: "COORDINATOR SILENT" in (s := self.status()) and s, what="the silence", timeout=30)
        self.assertRegex(plain, r"^COORDINATOR SILENT since [\d:]+ \(1\d s\)\. ")
        self.assertRegex(plain, r"\nsmall  running when heard last, (.*\n)+.*  -/s  ETA -")
        self.assertEqual((self.json()["eta_s"], self.lane()["eta_s"]), (-1, -1))


if __name__ == "__main__":
    harness.main()
