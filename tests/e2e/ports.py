"""Ports to bind later, or never: none that the system gives to whoever asks for any, for connections or for ports of 0, since beside this test others do."""
import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(n=1):
    """So many, which nobody has now."""
    least = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32768
    draw, held = random.SystemRandom(), {}
    try:
        while len(held) < n:
            port = draw.randrange(least // 3, least) if least > 6000 else 0
            s = socket.socket()
            try:
                s.bind(("127.0.0.1", port))
                held[s.getsockname()[1]] = s
            except OSError:
                s.close()
    finally:
        for s in held.values():
            s.close()
    return list(held)
