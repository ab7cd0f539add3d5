"""A terminal of a test's own: runs a program in a pty, and knows what stands on its screen as a person would see it (TERM=xterm-256color)."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import harness

QUIET_S = 0.03  # pages come every 0.25 s

_SEQUENCE = re.compile(r"\x1b\[([?>]?)([0-9;]*)([@-~])|\x1b([()].|[^\[])|([\x00-\x1f])|([^\x00-\x1f\x1b])")
_HALF = re.compile(r"\x1b(\[[?>]?[0-9;]*|[()]?)?$")


class Terminal:
    def __init__(self, args, columns, rows, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(str(args[0]), list(map(str, args)), harness.environment({"TERM": "xterm-256color", **env}))
        os.set_blocking(self.fd, False)
        self.raw, self.rest, self.unknown, self.code = b"", "", set(), None
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.cells, self.x, self.y, self.top, self.bottom, self.last = [[" "] * columns for _ in range(rows)], 0, 0, 0, rows - 1, " "
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def lines(self):
        """What stands there now, a line a string; of a page that is being drawn, all of it."""
        while select.select([self.fd], [], [], QUIET_S)[0]:
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:
                break  # it has ended
            self.raw += chunk
            self._take(chunk.decode(errors="replace"))
        return ["".join(row).rstrip() for row in self.cells]

    def sees(self, what, timeout=20):
        """Waits until a line has this; returns the line."""
        return harness.wait_for(lambda: next((line for line in self.lines() if re.search(what, line)), None), timeout=timeout,
                                what=f"{what!r} on the screen")

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def kill(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.code = -signal.SIGKILL
            os.close(self.fd)

    def end(self):
        deadline = time.monotonic() + 10 * harness.SLOW
        while time.monotonic() < deadline:
            self.lines()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                os.close(self.fd)
                return self.code
            time.sleep(0.05)
        self.kill()
        raise AssertionError("the screen did not end")

    # ---- what is drawn

    def _take(self, text):
        text = self.rest + text
        half = _HALF.search(text)
        self.rest = text[half.start():] if half else ""
        for private, numbers, final, other, control, char in _SEQUENCE.findall(text[:half.start()] if half else text):
            if char:
                self._put(char)
            elif control:
                self._control(control)
            elif final and not private:
                self._sequence([int(n or 0) for n in numbers.split(";")], final)
            elif other == "M":
                self._up()

    def _put(self, char):
        if self.x >= self.columns:
            self.x = 0
            self._down()
        self.cells[self.y][self.x] = self.last = char
        self.x += 1

    def _down(self):
        if self.y == self.bottom:
            self.cells.pop(self.top)
            self.cells.insert(self.bottom, [" "] * self.columns)
        else:
            self.y = min(self.y + 1, self.rows - 1)

    def _up(self):
        if self.y == self.top:
            self.cells.pop(self.bottom)
            self.cells.insert(self.top, [" "] * self.columns)
        else:
            self.y = max(self.y - 1, 0)

    def _control(self, char):
        if char == "\r":
            self.x = 0
        elif char == "\n":
            self._down()
        elif char == "\b":
            self.x = max(self.x - 1, 0)
        elif char == "\t":
            self.x = min((self.x // 8 + 1) * 8, self.columns - 1)

    def _sequence(self, numbers, final):
        n, row, blank = max(numbers[0], 1), self.cells[self.y], [" "] * self.columns
        if final in "Hf":
            self._go(numbers[1] - 1 if len(numbers) > 1 else 0, numbers[0] - 1)
        elif final in "ABCD":
            self._go(self.x + {"C": n, "D": -n}.get(final, 0), self.y + {"B": n, "A": -n}.get(final, 0))
        elif final == "G":
            self._go(n - 1, self.y)
        elif final == "d":
            self._go(self.x, n - 1)
        elif final == "J":
            self._sequence(numbers, "K")
            whole = {0: range(self.y + 1, self.rows), 1: range(self.y), 2: range(self.rows)}[numbers[0]]
            for y in whole:
                self.cells[y] = blank[:]
        elif final == "K":
            part = {0: slice(self.x, None), 1: slice(0, self.x + 1), 2: slice(None)}[numbers[0]]
            row[part] = blank[part]
        elif final == "X":
            row[self.x:self.x + n] = blank[self.x:self.x + n]
        elif final == "P":
            row[self.x:] = (row[self.x + n:] + blank)[:self.columns - self.x]
        elif final == "@":
            row[self.x:] = (blank[:n] + row[self.x:])[:self.columns - self.x]
        elif final == "b":
            for _ in range(n):
                self._put(self.last)
        elif final in "LM":
            for _ in range(n):
                gone, new = (self.bottom, self.y) if final == "L" else (self.y, self.bottom)
                self.cells.pop(gone)
                self.cells.insert(new, blank[:])
        elif final in "ST":
            for _ in range(n):
                gone, new = (self.top, self.bottom) if final == "S" else (self.bottom, self.top)
                self.cells.pop(gone)
                self.cells.insert(new, blank[:])
        elif final == "r":
            self.top, self.bottom = numbers[0] - 1 if numbers[0] else 0, numbers[1] - 1 if len(numbers) > 1 else self.rows - 1
            self._go(0, 0)
        elif final not in "mhlt":
            self.unknown.add(final)

    def _go(self, x, y):
        self.x, self.y = min(max(x, 0), self.columns - 1), min(max(y, 0), self.rows - 1)
