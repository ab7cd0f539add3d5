"""A fleet of a test's own on this machine, part by part: simulator, Redis, a coordinator that takes studies, workers."""
import json
import subprocess

import harness


class TestCase(harness.TestCase):
    LATENCY_MS = 40
    SLOTS = 8
    COORDINATOR = ()  # further options of it
    SIMULATOR = ()  # likewise

    def truth(self):
        """The simulator's truth file."""
        return self.box.copy("small", "truth").parent / "truth.yaml"

    def setUp(self):
        super().setUp()
        self.sim = self.box.simulator("--truth", self.truth(), "--latency-ms", self.LATENCY_MS, *self.SIMULATOR)
        self.where = {name: f"ipc://{self.box.runtime}/{name}" for name in ("work", "pub", "admin")}
        self.redis = f"unix:{self.box.runtime}/redis"
        redis = self.redis_process = self.box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", self.box.runtime / "redis",
                                                "--save", "", "--dir", self.box.dir]))
        harness.wait_for(lambda: "eady to accept" in redis.printed(), what="Redis", process=redis)
        self.store = self.box.dir / "store"
        self.start_coordinator()

    def start_coordinator(self, *more):
        """Returns what its ready file says."""
        ready = self.box.dir / "ready"
        ready.unlink(missing_ok=True)
        self.coordinator = self.box.start("clinsafe-coordinator", "--dir", self.store, "--bind", self.where["work"], "--pub",
                                          self.where["pub"], "--admin", self.where["admin"], "--redis", self.redis, "--ready-file", ready,
                                          *self.COORDINATOR, *more)
        harness.wait_for(ready.exists, what="the coordinator", process=self.coordinator)
        self.ready = json.loads(ready.read_text())
        return self.ready

    def redis_cli(self, *words):
        return subprocess.run(["redis-cli", "-s", self.redis.removeprefix("unix:"), *words], capture_output=True, text=True, check=True,
                              timeout=20).stdout.strip()

    def start_worker(self, name="w", slots=None):
        return self.box.start("clinsafe-worker", "--coordinator", self.where["work"], "--announce", self.where["pub"], "--redis",
                              self.redis, "--slots", slots or self.SLOTS, "--simulator", self.sim.url, "--name", name)
