#!/usr/bin/env python3
"""Messages as large as they can be, as fast as they go, and never a word read: memory, and the honest worker's rate."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire


def leases(n):
    return [[2**63 + i, 2**32 - 1, 2**32 - 1, 2**63, b"\xff" * 32, b"\xff" * 32] for i in range(n)]


class BigPings(Siege):
    def storm(self, n, seconds):
        evil = self.evil(f"evil-{n}")
        ping = wire.pack(wire.PING, [1, 0, 0, 0, 10, leases(n), []], evil.session, 5)

        def attack():
            if not evil.send(ping):
                evil.socket.poll(50)

        self.stands(self.under(attack, seconds), f"under PINGs of {n} leases")
        evil.close()
        self.stands()

    @harness.short
    def test_pings_of_five_mib_and_of_two(self):
        self.storm(60000, 6)
        self.storm(20000, 6)
        self.assertIn("ev=session_closed worker=evil-20000", self.log())
        self.ends_well()


if __name__ == "__main__":
    harness.main()
