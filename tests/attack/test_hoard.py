#!/usr/bin/env python3
"""Wants a million trials, works on none, gives none back; and says that the provider has refused everybody's key."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire


class Hoard(Siege):
    @harness.short
    def test_leases_without_work(self):
        evil, held = self.evil(), {}
        wants = [[1, lane, 1 << 20, "", ""] for lane in (0, 1)]
        evil.say(wire.WANT, [wants])

        def attack():
            m = evil.hear(500)
            if m is not None and m[1] == wire.ASSIGN:
                held.update({lease[0]: lease for lease in m[5][0]})
            if m is None:
                evil.say(wire.PING, [1, 0, 0, 0, 10, list(held.values()), wants])

        self.stands(self.under(attack, 14), "beside the hoard")
        self.assertGreater(len(held), 0)  # it did get some
        harness.wait_for(lambda: attack() or "ev=leases_hoarded worker=evil" in self.log(), timeout=30, what="the end of its session")
        evil.close()
        self.stands()
        self.ends_well()

    @harness.short
    def test_a_refused_key_is_the_refusals_of_one(self):
        evil = self.evil()
        for print_ in ("no-key", "abcd1234"):
            evil.say(wire.WANT, [[[1, lane, 0, "HTTP 401: no", print_] for lane in (0, 1)]])
        self.stands()
        evil.close()
        self.ends_well()


if __name__ == "__main__":
    harness.main()
