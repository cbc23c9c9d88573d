"""A child, as seen by the process that forked it."""
import os
from os import close, pipe, read, write

from ..shared.descriptors import private
from .channel import MAX_LINE
from .codec import encode
from .printed import read as read_printed
from .printed import read_stacks

CHUNK = 1 << 16


class Forked:
    number = worker = test = None
    is_open = True  # A test may close its end of the channel, and go on.

    def __init__(self, pid, orders, events):
        self.pid, self.orders, self.events = pid, orders, events
        self.parts, self.size = [], 0

    def lines(self):
        """What has come in up to the last end of a line; None if a line is longer than any."""
        has_end = False
        while self.size <= 4 * MAX_LINE:
            try:
                data = read(self.events, CHUNK)
            except BlockingIOError:
                break
            if not data:
                self.is_open = False
                break
            self.parts.append(data)
            self.size += len(data)
            has_end = has_end or b"\n" in data
        if not has_end and self.size <= MAX_LINE:
            return b""
        whole, newline, rest = b"".join(self.parts).rpartition(b"\n")
        self.parts, self.size = [rest], len(rest)
        return None if len(rest) > MAX_LINE else whole + newline

    def tell(self, kind, **fields):
        try:
            write(self.orders, (encode({**fields, "t": kind}) + "\n").encode("utf-8"))
        except OSError:
            pass  # It has ended, which shows.

    def names(self):
        return {"child": self.number, "worker": self.worker, "pid": self.pid}

    def last_words(self, status, scratch, cap):
        """What there is to say of one that died."""
        words = {"sections": read_printed(scratch, self.worker, cap)}
        words["stacks"] = read_stacks(scratch, self.worker, cap)
        if os.WIFSIGNALED(status):
            return dict(words, signal=os.WTERMSIG(status))
        return dict(words, code=os.WEXITSTATUS(status))

    def dismiss(self):
        """It has not begun, and ends."""
        close(self.orders)
        self.orders = None

    def close(self):
        if self.orders is not None:
            close(self.orders)
        close(self.events)


def ends():
    """A pipe on descriptors that no test is likely to meet."""
    pair = pipe()
    kept = tuple(private(fd) for fd in pair)
    for fd in pair:
        close(fd)
    return kept
