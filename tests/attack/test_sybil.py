#!/usr/bin/env python3
"""One key, thousands of workers: it has no more than its share of sessions, and an honest worker still gets in."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire


class Sybil(Siege):
    @harness.short
    def test_sessions_without_end(self):
        peer = wire.Peer(self.context, self.fleet.work, self.fleet, "evil")
        welcomed = refused = 0
        for i in range(2300):
            data = wire.pack(wire.HELLO, [f"sybil-{i}", "x", i + 1, 0, []], 0, 1)
            while not peer.send(data):
                peer.socket.poll(50)
            m = peer.get()
            self.assertIsNotNone(m)
            welcomed += m[1] == wire.WELCOME
            refused += m[1] == wire.REJECT
        print(f"    {welcomed} sessions by one key, {refused} refused", flush=True)
        self.assertGreater(refused, 0)
        self.assertLessEqual(welcomed, 2048)
        self.stands()
        w2 = self.fleet.worker("w1", "--simulator", self.sim.url, "--slots", 4, name="w1b")
        harness.wait_for(lambda: "ev=worker_hello worker=w1b" in self.log(), what="another honest worker", process=w2)
        peer.close()
        self.ends_well()


if __name__ == "__main__":
    harness.main()
