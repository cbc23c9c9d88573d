"""A module that is being tried, as the process sees it that started it."""
import collections
import json
import os
import time

from ..shared.text import shorten
from .tracebacks import of_stacks
from .verdicts import KEPT, checked, how_it_ended, number

DUMP_GRACE = 1.0  # For the stacks of a module that hangs.
PIPE = 1 << 20  # The largest pipe of a process without privileges.
NOTES = 4 << 20  # More than any report.


class Tail:
    """The end of a stream, or its beginning."""

    def __init__(self, cap, of_end):
        self.data, self.cap, self.of_end, self.overflowed = b"", cap, of_end, False

    def push(self, data):
        self.data += data
        if len(self.data) > self.cap:
            self.overflowed = True
            self.data = self.data[-self.cap :] if self.of_end else self.data[: self.cap]

    def text(self):
        return self.data.decode("utf-8", "replace")


class Child:
    """A module that is being tried."""

    def __init__(self, module, pid, limit, scratch, word, pipes):
        self.module, self.pid, self.limit, self.scratch = module, pid, limit, scratch
        self.report, self.news = b"R" + word, b"N" + word
        self.heard = 0
        self.began = time.monotonic()
        self.due = self.began + limit
        self.dumped = self.killed = False
        self.output, self.faults, self.notes = Tail(KEPT, True), Tail(KEPT, False), Tail(NOTES, False)
        self.pipes = dict(zip(pipes, (self.output, self.faults, self.notes)))
        for fd in pipes:
            os.set_blocking(fd, False)

    def read(self, fd):
        """Reads once; False when there is nothing, or will be nothing any more."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            del self.pipes[fd]
            os.close(fd)
            return False
        self.pipes[fd].push(data)
        if self.dumped and not self.killed and self.pipes[fd] is self.faults:
            self.due = min(self.due, time.monotonic() + DUMP_GRACE / 10)
        return True

    def drain(self):
        """Reads what is in the pipes now; a process that got away may write for ever."""
        for fd in list(self.pipes):
            for _ in range(PIPE >> 12):
                if not self.read(fd):
                    break
            if fd in self.pipes:
                os.close(fd)
        self.pipes = {}

    def has_ended(self):
        if hasattr(os, "waitid"):
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.pid, flags) is not None
        pid, self.status = os.waitpid(self.pid, os.WNOHANG)
        return pid != 0

    def reap(self):
        return os.waitpid(self.pid, 0)[1] if hasattr(os, "waitid") else self.status

    def verdict(self, status):
        """The fields of the event that tells how the module did."""
        touched, report = self.told()
        fields = {"doctests": 0, "tests": 0, "message": None, "report": None, "touched": touched}
        stacks = shorten(of_stacks(self.faults.text()), KEPT).strip("\n") or None
        if self.dumped:
            # The signal that asked for the stacks may have ended the wait.
            message = "it did not end within %gs" % self.limit
            fields.update(outcome="timed_out", message=message, report=stacks)
        elif report is not None:
            fields.update(report)
        else:
            fields.update(outcome="crashed", message=how_it_ended(status), report=stacks)
        return fields

    def told(self):
        """All that it tried to touch, and its report."""
        touched, report = collections.Counter(), None
        for line in self.notes.data.split(b"\n"):
            try:
                if line[:1] in (b"T", b"U") and b"\0" in line:
                    event, _, target = line[1:].decode("utf-8", "replace").partition("\0")
                    touched[event, target, line[:1] == b"T"] += 1
                elif line.startswith(self.report):
                    told = json.loads(line[len(self.report) :].decode("ascii"))
                    found = {(str(t[0]), str(t[1]), t[2] is True): number(t[3]) for t in told["touched"]}
                    report, touched = checked(told), found
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                continue  # The module wrote to the descriptor.
        names = ("event", "target", "refused", "times")
        return [dict(zip(names, key + (times,))) for key, times in touched.items()], report

    def tests(self):
        """What it said of its tests since the last call."""
        whole = self.notes.data.rfind(b"\n") + 1
        lines, self.heard = self.notes.data[self.heard : whole].split(b"\n"), whole
        found = []
        for line in lines:
            if line.startswith(self.news):
                try:
                    found.append(json.loads(line[len(self.news) :].decode("ascii")))
                except (ValueError, RecursionError):
                    continue
        return found
