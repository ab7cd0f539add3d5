#!/usr/bin/env python3
"""A listed worker's key that lies about what a call has cost, and one that asks without end for what it may not."""
import hashlib
import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire


class Liar(Siege):
    STUDY = "budget_usd: 50\n"

    def lane(self, model):
        return next(lane for lane in json.loads(self.status())["lanes"] if lane["model"] == model)

    @harness.short
    def test_a_bill_of_four_billion_tokens(self):
        """The liar's model stops at once, the other goes on, the lie takes nothing from the budget and can be voided."""
        evil, planned = self.evil(), self.still_planned(1)[0]
        evil.say(wire.OUTPUTS, [1, [self.output(planned, tokens=(2**32 - 1, 0, 2**32 - 1, 2**32 - 1))]])
        harness.wait_for(lambda: self.lane("model-a")["state"] == "paused", timeout=5, what="the end of the liar's model")
        evil.close()
        self.assertIn("max_tokens_field", self.lane("model-a")["reason"])
        self.stands(what="of the other model")
        status = json.loads(self.status())
        self.assertTrue(0 < status["committed_nano_usd"] < 10 * 10**9, status["committed_nano_usd"])
        voided = self.fleet.ask("void", "model-a", "--reason", "no such tokens on the bill")
        self.assertExit(voided)
        self.assertRegex(voided.out, r"^\$\d{3,}")
        self.assertExit(self.fleet.ask("resume", "model-a"))
        self.ends_well(given=1)

    @harness.short
    def test_chunks_and_verbs_without_end(self):
        """Refused, each of them, and the log stays short."""
        peer = wire.Peer(self.context, self.fleet.admin, self.fleet, "evil")
        chunk = os.urandom(1 << 20)
        put = wire.pack(wire.ADMIN, ["chunk", [hashlib.blake2b(chunk, digest_size=32).hexdigest()], chunk])
        asked, refused, store = 0, 0, self.store_mib()

        def attack():
            nonlocal asked, refused
            for data in (put, *[wire.pack(wire.ADMIN, [f"verb{asked}", [], b""])] * 20):
                asked += peer.send(data)
            while (m := peer.get(20 if refused < asked else 0)) is not None:
                self.assertNotEqual(m[5][0], 0)
                refused += 1
        self.stands(self.under(attack, 6), "under requests of a worker's key")
        print(f"    {asked} requests, {refused} refused; {self.log().count('ev=not_permitted')} lines of log", flush=True)
        self.assertGreater(refused, 1000)
        self.assertLess(self.log().count("ev=not_permitted"), 700)
        self.assertLess(self.store_mib(), store + 32)
        self.ends_well()

    def store_mib(self):
        return sum(f.stat().st_size for f in (self.fleet.dir / "store").iterdir()) >> 20


if __name__ == "__main__":
    harness.main()
