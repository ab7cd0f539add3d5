"""Hosts of their own on one machine: network namespaces on a bridge that stands in a namespace too, so that nothing of the
machine's own network is touched. Needs root and iproute2."""
import ctypes
import os
import shutil
import subprocess
import threading
import unittest

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def ip(*args):
    subprocess.run(["ip", *map(str, args)], check=True, capture_output=True, text=True)


def inside(namespace, what):
    """Calls what() with the network of a namespace, in a thread that ends with it."""
    result = []

    def body():
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if _libc.setns(fd, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            result.append((what(), None))
        except Exception as e:  # pylint: disable=broad-except
            result.append((None, e))
        finally:
            os.close(fd)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    value, error = result[0]
    if error is not None:
        raise error
    return value


class Network:
    """A switch and the hosts that were plugged into it."""

    def __init__(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("cluster: network namespaces need root")
        for tool in ("ip", "nsenter"):
            if shutil.which(tool) is None:
                raise unittest.SkipTest(f"cluster: no {tool}")
        self._prefix = f"cs{os.getpid()}"
        self._namespaces = []
        self.switch = f"{self._prefix}-switch"
        try:
            self._add(self.switch)
            ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
            ip("-n", self.switch, "link", "set", "br0", "up")
            self.host("probe", "10.77.0.250")
        except subprocess.CalledProcessError as e:
            self.close()
            raise unittest.SkipTest(f"cluster: no network namespaces here: {e.stderr.strip()}") from e

    def _add(self, namespace):
        ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        ip("-n", namespace, "link", "set", "lo", "up")

    def host(self, name, *addresses):
        """A host with these addresses (of 10.77.0.0/24); returns its namespace."""
        namespace, port = f"{self._prefix}-{name}", f"p-{name}"[:15]
        self._add(namespace)
        ip("-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", self.switch, "link", "set", port, "master", "br0", "up")
        for address in addresses:
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        return namespace

    def plug(self, name, connected):
        """Puts a host's cable in or pulls it."""
        ip("-n", self.switch, "link", "set", f"p-{name}"[:15], "up" if connected else "down")

    def lose(self, name, address):
        """What the host sends to the address is lost from now on, without a word."""
        ip("-n", f"{self._prefix}-{name}", "neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud",
           "permanent")

    def find(self, name, address):
        """Undoes lose()."""
        ip("-n", f"{self._prefix}-{name}", "neigh", "del", address, "dev", "eth0")

    def enter(self, name):
        """Before a command: it runs on that host."""
        return ["nsenter", f"--net=/run/netns/{self._prefix}-{name}"]

    def inside(self, name, what):
        return inside(f"{self._prefix}-{name}", what)

    def close(self):
        for namespace in reversed(self._namespaces):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
        self._namespaces.clear()
