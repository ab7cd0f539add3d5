"""The wire of protocol/README.md spoken by hand: what a worker's key can say that our worker never would. Needs python3-zmq, python3-msgpack."""
import os
import re

import msgpack
import zmq

HELLO, WELCOME, REJECT, WHO, WANT, ASSIGN, PING, OUTPUTS, ACK, ADMIN = 1, 2, 3, 4, 5, 6, 10, 12, 13, 20
VERSION = 256


def pack(kind, body, session=0, seq=1, ack=0, version=VERSION):
    return msgpack.packb([version, kind, session, seq, ack, body], use_bin_type=True)


class Peer:
    """A DEALER under a key of the fleet (None: without)."""

    def __init__(self, context, endpoint, fleet, key, kind=zmq.DEALER):
        self.socket = context.socket(kind)
        self.socket.linger = 0
        if key is not None:
            text = fleet.key(key).read_text()
            found = {n: re.search(rf"^{n} (\S{{40}})", text, re.M).group(1).encode() for n in ("public", "secret")}
            self.socket.curve_publickey, self.socket.curve_secretkey = found["public"], found["secret"]
            self.socket.curve_serverkey = (fleet.dir / "coordinator.pub").read_text().split()[0].encode()
        self.socket.connect(endpoint)

    def send(self, data):
        """False: nobody takes it now."""
        try:
            self.socket.send(data, zmq.NOBLOCK)
            return True
        except zmq.Again:
            return False

    def get(self, ms=3000):
        if not self.socket.poll(ms):
            return None
        return msgpack.unpackb(self.socket.recv(), raw=True, strict_map_key=False)

    def close(self):
        self.socket.close()


class Worker(Peer):
    """A session that says what the attack wants."""

    def __init__(self, context, fleet, key, name):
        super().__init__(context, fleet.work, fleet, key)
        self.name, self.nonce, self.seq, self.session, self.seen, self.first = name, int.from_bytes(os.urandom(7), "big"), 0, 0, 0, 1

    def hello(self, tries=30):
        """WELCOME, REJECT or None."""
        self.seq += 1
        data = pack(HELLO, [self.name, "x", self.nonce, 0, []], 0, self.seq)
        while not self.send(data) and tries > 0:
            self.socket.poll(100)
            tries -= 1
        while (m := self.get()) is not None:
            if m[1] == WELCOME:
                self.session = m[5][0]
            if m[1] in (WELCOME, REJECT):
                return m
        return None

    def say(self, kind, body):
        self.seq += 1
        return self.send(pack(kind, body, self.session, self.seq, self.seen))

    def hear(self, ms=500):
        m = self.get(ms)
        if m is not None:
            self.seen = max(self.seen, m[3])
        return m
