#!/usr/bin/env python3
"""More connections than a coordinator has descriptors, from whoever can reach its port: who works goes on, and the others come in afterwards."""
import resource
import socket
import sys
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness

DESCRIPTORS = 256


class Flood(Siege):
    PREFIX = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")

    @harness.short
    def test_connections_that_say_nothing(self):
        host, port = self.fleet.work[6:].rsplit(":", 1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
        over, made = threading.Event(), []

        def flood():
            held = []
            while not over.is_set():
                try:
                    held.append(socket.create_connection((host, int(port)), 1))
                    made.append(1)
                except OSError:
                    time.sleep(0.05)
                if len(held) > 2 * DESCRIPTORS:
                    held.pop(0).close()
            for c in held:
                c.close()
        threads = [threading.Thread(target=flood) for _ in range(3)]
        for t in threads:
            t.start()
        try:
            harness.wait_for(lambda: len(made) > 3 * DESCRIPTORS, what="the flood")
            self.stands(what=f"under {3 * 2 * DESCRIPTORS} idle connections of {DESCRIPTORS} that there are descriptors for")
            late = self.fleet.worker("w1", "--simulator", self.sim.url, "--slots", 4, name="w1b")
            self.stands(what="the same, while another wants to join")
        finally:
            over.set()
            for t in threads:
                t.join()
        harness.wait_for(lambda: "ev=worker_hello worker=w1b" in self.log(), what="another honest worker", process=late)
        self.assertExit(self.fleet.ask("pause"))
        self.assertExit(self.fleet.ask("resume"))
        self.assertExit(late.stop())
        self.ends_well()


if __name__ == "__main__":
    harness.main()
