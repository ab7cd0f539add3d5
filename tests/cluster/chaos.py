"""A TCP proxy that misbehaves as networks do: it stalls, trickles, breaks connections, and loses the tail of what it had accepted.

TCP loses no middle: what was swallowed is always followed by a reset. One thread with an event loop of its own; the methods may be
called from any thread.
"""
import asyncio
import socket
import struct
import threading

CHUNK = 65536


class Proxy:
    """Listens on a loopback port of its own and forwards to `target` (host, port), which may be changed."""

    def __init__(self, target):
        self.target = target
        self.stalled = False  # connections stay, and nothing passes: half-open
        self.swallow = False  # everything is read, nothing arrives
        self.bytes_per_s = 0  # 0: no limit, of each direction of each connection
        self.connections, self.resets, self.swallowed = 0, 0, 0
        self._pairs = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accept(self, reader, writer):
        while self.stalled:
            await asyncio.sleep(0.01)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        pair = (writer, far_writer)
        self._pairs.add(pair)
        try:
            await asyncio.wait([asyncio.ensure_future(self._pump(reader, far_writer)),
                                asyncio.ensure_future(self._pump(far_reader, writer))],
                               return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pairs.discard(pair)
            for w in pair:
                w.transport.abort()

    async def _pump(self, reader, writer):
        while True:
            while self.stalled:
                await asyncio.sleep(0.01)
            try:
                data = await reader.read(min(CHUNK, max(1, self.bytes_per_s // 20)) if self.bytes_per_s else CHUNK)
            except OSError:
                return
            if not data:
                return
            while self.stalled:
                await asyncio.sleep(0.01)
            if self.bytes_per_s:
                await asyncio.sleep(len(data) / self.bytes_per_s)
            if self.swallow:
                self.swallowed += len(data)
                continue
            writer.write(data)
            try:
                await writer.drain()
            except OSError:
                return

    def reset(self):
        """Every connection ends with an RST at both ends; what they swallowed is lost."""
        done = threading.Event()

        def now():
            for pair in list(self._pairs):
                self.resets += 1
                for w in pair:
                    w.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    w.transport.abort()
            done.set()
        self._loop.call_soon_threadsafe(now)
        done.wait()

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
