"""A fleet with keys on loopback TCP: a coordinator, who may come in, workers; for tests of what keys may do, and of attacks."""
import json
import os
import signal
import subprocess

import harness


class CurveFleet:
    """Keys `coordinator`, `me` (an operator), `eye` (a viewer), `stranger` (not listed), and the workers named."""

    def __init__(self, box, workers=("w1", "w2"), redis=False, sessions=None, prefix=()):
        self.box, self.dir, self.prefix = box, box.dir, prefix  # prefix: a program that the coordinator is started through
        roles = {"coordinator": "worker", "me": "operator", "eye": "viewer", "stranger": "worker", **{w: "worker" for w in workers}}
        for name, role in roles.items():
            harness.must(box.clinsafe("keygen", self.dir / name, "--role", role))
        self.allowed = self.dir / "allowed"
        lines = [(self.dir / f"{n}.pub").read_text() for n in ("me", "eye", *workers)]
        self.allowed.write_text("".join(line.strip() + (f" sessions={sessions}" if sessions else "") + "\n" for line in lines))
        self.redis = f"unix:{self.dir}/redis" if redis else None
        if redis:
            box.adopt(harness.Process(["redis-server", "--port", "0", "--unixsocket", self.dir / "redis", "--save", "", "--dir", self.dir]))
            harness.wait_for(lambda: (self.dir / "redis").exists(), what="Redis")
        self.start()

    def key(self, name):
        return self.dir / f"{name}.key"

    def start(self):
        ready = self.dir / "ready"
        ready.unlink(missing_ok=True)
        args = ["--dir", self.dir / "store", "--bind", "tcp://127.0.0.1:*", "--pub", "tcp://127.0.0.1:*", "--admin", "tcp://127.0.0.1:*",
                "--key", self.key("coordinator"), "--allow", self.allowed, "--ready-file", ready]
        self.coordinator = self.box.start("clinsafe-coordinator", *args, *(["--redis", self.redis] if self.redis else []),
                                          prefix=self.prefix)
        harness.wait_for(lambda: ready.exists(), what="the coordinator", process=self.coordinator)
        where = json.loads(ready.read_text())
        self.work, self.pub, self.admin = where["bind"][0], where["pub"], where["admin"]

    def reload(self):
        self.coordinator.signal(signal.SIGHUP)

    def worker(self, key, *args, name=None, env=None):
        return self.box.start("clinsafe-worker", "--coordinator", self.work, "--key", self.key(key), "--server-key", self.dir / "coordinator.pub",
                              "--name", name or key, *(["--redis", self.redis] if self.redis else []), *args, env=env)

    def ask(self, verb, *args, key="me", server="coordinator", timeout=30):
        keys = ["--key", self.key(key), "--server-key", self.dir / f"{server}.pub"] if key else []
        return self.box.clinsafe(verb, *args, "--coordinator", self.admin, *keys, timeout=timeout)

    def rss_mib(self):
        with open(f"/proc/{self.coordinator.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmRSS"))
