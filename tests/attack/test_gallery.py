#!/usr/bin/env python3
"""An operator with a study of many pictures: what the store has of them is found out while the others go on."""
import hashlib
import json
import os
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire

PIECES, MIB, STRANGE = 64, 1 << 20, 1000


class Gallery(Siege):
    @harness.short
    def test_who_asks_meanwhile_is_answered_first(self):
        """Told to another coordinator than the one that was given them: it has to look for each."""
        pieces = [os.urandom(MIB) for _ in range(PIECES)]
        digests = [hashlib.blake2b(p, digest_size=32) for p in pieces]
        me = wire.Peer(self.context, self.fleet.admin, self.fleet, "me")
        for digest, piece in zip(digests, pieces):
            self.assertEqual(self.say(me, 1, "chunk", [digest.hexdigest()], piece)[5][0], 0)
        me.close()
        for process in (self.w1, self.fleet.coordinator):
            process.signal(signal.SIGTERM)
            process.wait(30)
        self.fleet.start()
        self.w1 = self.fleet.worker("w1", "--simulator", self.sim.url, "--slots", 16)
        me = wire.Peer(self.context, self.fleet.admin, self.fleet, "me")
        self.assertEqual(self.say(me, 2, "ping")[4], 2)
        unknown = [os.urandom(32) for _ in range(STRANGE)]
        asked = b"".join([*unknown[1:], *(d.digest() for d in digests), unknown[0]])
        me.send(wire.pack(wire.ADMIN, ["images", [], asked], seq=3))
        me.send(wire.pack(wire.ADMIN, ["ping", [], b""], seq=4))
        self.assertEqual(me.get()[4], 4, "the loop was away from its sockets until all were found")
        told = me.get()
        self.assertEqual((told[4], told[5][0]), (3, 0))
        self.assertEqual(json.loads(told[5][2])["missing"], [d.hex() for d in [*unknown[1:], unknown[0]]])
        me.close()
        self.ends_well()

    def say(self, peer, seq, verb, args=(), blob=b""):
        harness.wait_for(lambda: peer.send(wire.pack(wire.ADMIN, [verb, list(args), blob], seq=seq)), what="the admin socket")
        return peer.get(10000)


if __name__ == "__main__":
    harness.main()
