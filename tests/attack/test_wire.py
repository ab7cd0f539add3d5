#!/usr/bin/env python3
"""Whoever has no business here: no key, a key that is not listed, a worker's key on the operators' door; rubbish on every socket."""
import os
import random
import socket
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from siege import Siege, harness, wire
import zmq


def port(endpoint):
    return int(endpoint.rsplit(":", 1)[1])


class Strangers(Siege):
    @harness.short
    def test_nobody_without_a_listed_key_is_heard(self):
        for key in (None, "stranger"):
            for endpoint, kind in ((self.fleet.work, zmq.DEALER), (self.fleet.admin, zmq.DEALER), (self.fleet.pub, zmq.SUB)):
                peer = wire.Peer(self.context, endpoint, self.fleet, key, kind)
                if kind == zmq.SUB:
                    peer.socket.subscribe(b"")
                else:
                    peer.send(wire.pack(wire.ADMIN, ["status", [], b""]) if endpoint == self.fleet.admin else
                              wire.pack(wire.HELLO, ["evil", "x", 7, 0, []]))
                self.assertIsNone(peer.get(1500), (key, endpoint))
                peer.close()
        self.stands()
        self.ends_well()

    @harness.short
    def test_a_workers_key_administers_nothing(self):
        peer = wire.Peer(self.context, self.fleet.admin, self.fleet, "evil")
        for verb, args, blob in (("status", [], b""), ("pause", [], b""), ("cancel", [], b""), ("drain", [], b""), ("submit", [], b"x"),
                                 ("chunk", ["00" * 32], os.urandom(1 << 20)), ("revoke", ["me"], b"")):
            harness.wait_for(lambda: peer.send(wire.pack(wire.ADMIN, [verb, args, blob])), what="the admin socket")
            reply = peer.get()
            self.assertNotEqual(reply[5][0], 0, verb)
            self.assertIn(b"worker's", reply[5][1], verb)
        evil = self.evil()
        evil.say(wire.ADMIN, ["pause", [], b""])
        self.assertIsNone(evil.hear(1000))
        self.stands()
        self.ends_well()

    @harness.short
    def test_frames_beyond_measure(self):
        for size in (17 << 20, 64 << 20):
            peer = wire.Peer(self.context, self.fleet.work, self.fleet, "evil")
            peer.send(b"\x96" + b"\0" * size)
            self.assertIsNone(peer.get(2000))
            peer.close()
        self.stands()
        self.ends_well()


class Rubbish(Siege):
    @harness.short
    def test_rubbish_on_every_socket(self):
        rnd = random.Random(1)
        ports = [port(e) for e in (self.fleet.work, self.fleet.pub, self.fleet.admin)]

        def attack():
            with socket.create_connection(("127.0.0.1", rnd.choice(ports)), 2) as c:
                try:
                    c.send(os.urandom(rnd.randint(1, 500)))
                except OSError:
                    pass
        self.stands(self.under(attack, 6), "under rubbish")
        idle = []
        for _ in range(600):
            try:
                idle.append(socket.create_connection(("127.0.0.1", ports[0]), 2))
            except OSError:
                break
        self.stands()
        time.sleep(6)
        for c in idle:
            c.close()
        self.stands()
        self.ends_well()


class Fuzz(Siege):
    VALUES = 10000

    def value(self, rnd, session, depth=0):
        r = rnd.random()
        if r < .3:
            return rnd.choice([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -1, -2**63, 255, 65535, session])
        if r < .45:
            return rnd.choice([b"", b"\0", b"x" * 32, b"x" * 257, os.urandom(16)])
        if r < .6:
            return rnd.choice(["", "w1", "fuzzer", "\0", "x" * 300, "é", "status", "submit", "start", "retry"])
        if r < .65:
            return rnd.choice([None, True, False, 1.5, float("nan"), float("inf")])
        if r < .97 and depth < 6:
            return [self.value(rnd, session, depth + 1) for _ in range(rnd.choice([0, 1, 2, 3, 5, 23, 26]))]
        return {rnd.choice(["a", 1]): 1}

    @harness.short
    def test_messages_of_every_kind_and_of_none(self):
        rnd, evil = random.Random(1), self.evil("fuzzer")
        for i in range(self.VALUES):
            session = evil.session if rnd.random() < .7 else rnd.getrandbits(64)
            data = bytearray(wire.pack(rnd.choice([*range(1, 22), 0, 99]), self.value(rnd, evil.session), session, rnd.choice([i, 0, 2**64 - 1]),
                                       rnd.choice([0, 1, 2**64 - 1]), rnd.choice([256, 256, 257, 512, 0, 65535])))
            r = rnd.random()
            if r < .3:
                for _ in range(rnd.randint(1, 4)):
                    data[rnd.randrange(len(data))] = rnd.getrandbits(8)
            elif r < .4:
                data = data[:rnd.randrange(len(data) + 1)]
            elif r < .45:
                data = os.urandom(rnd.randint(0, 200))
            if not evil.send(bytes(data)):
                time.sleep(.01)
            if i % 200 == 0:
                while evil.socket.poll(0):
                    evil.socket.recv()
                evil.nonce, evil.name, evil.seq = evil.nonce + 1, f"fuzzer{i % 7}", 10**6 + i
                evil.hello()
        evil.close()
        self.stands()
        self.ends_well()


if __name__ == "__main__":
    harness.main()
