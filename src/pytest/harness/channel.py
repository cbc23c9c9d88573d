"""The channel to the agent: JSON lines on private descriptors.

Tests replace functions of `os` and `select`; the channel keeps the ones that it found.
"""
import io
import select
import signal
from os import _exit, close, fstat, getpgrp, getpid, killpg, read, write
from select import poll as new_poll

from ..shared.descriptors import private, take_channel
from ..shared.text import clean
from .codec import decode, encode

MAX_LINE = 12 << 20
EX_CHANNEL_LOST = 70
OWN = b"~"  # Before a line that is not for the agent.


class Channel:
    """The private descriptors, in the one process that may use them."""

    def __init__(self, commands, events, stderr):
        self.pid = getpid()
        self.commands, self.events, self.stderr = commands, events, stderr
        self.identity = self.look(self.events)
        self.arrival = new_poll()
        self.arrival.register(self.commands, select.POLLIN)
        self.pending, self.queued = b"", b""
        stream = io.BufferedWriter(io.FileIO(self.events, "wb", closefd=False), 2 * MAX_LINE)
        self.fill, self.flush = stream.write, stream.flush

    @classmethod
    def take(cls):
        """The channel of a process that the agent started."""
        commands, events = take_channel()
        return cls(commands, events, private(2))

    @staticmethod
    def look(fd):
        status = fstat(fd)
        return status.st_dev, status.st_ino

    def send(self, kind, **fields):
        if getpid() != self.pid:
            return  # A forked child that runs on into pytest is mute.
        lines, self.queued = self.queued + line_of({"v": 1, "t": kind, **fields}), b""
        self.forward(lines)

    def queue(self, kind, **fields):
        """Says something to the process that forked this one, together with the next event."""
        if getpid() == self.pid:
            self.queued += OWN + line_of({"t": kind, **fields})

    def tell(self, kind, **fields):
        """Says something to that process, at once."""
        self.queue(kind, **fields)
        lines, self.queued = self.queued, b""
        self.forward(lines)

    def forward(self, lines):
        """Sends whole lines."""
        try:
            if self.look(self.events) != self.identity:
                raise OSError("replaced")
        except OSError:
            self.say("a test closed the event channel")
            _exit(EX_CHANNEL_LOST)
        for first in range(0, len(lines), MAX_LINE):
            self.fill(lines[first : first + MAX_LINE])
            self.deliver()

    def deliver(self):
        """Signal handlers that raise, of Ctrl-C or of pytest-timeout, must not cut a line in two.

        The line fits the buffer, so that `fill` wrote nothing and `flush` knows where it was.
        """
        interruption = None
        while True:
            try:
                self.flush()
                break
            except BlockingIOError:
                poll = new_poll()
                poll.register(self.events, select.POLLOUT)
                poll.poll(1000)
            except OSError:
                self.end()
            except BaseException as error:
                interruption = error
        if interruption is not None:
            raise interruption

    def say(self, text):
        try:
            write(self.stderr, ("harness: %s\n" % text).encode())
        except OSError:
            pass

    def receive(self, wait):
        """The commands that have come in; with `wait`, at least one. None when the agent is gone."""
        commands = []
        while not commands and self.arrival.poll(None if wait else 0):
            data = read(self.commands, 1 << 16)
            if not data:
                return None
            lines = (self.pending + data).split(b"\n")
            self.pending = lines.pop()
            commands.extend(decode(line.decode("utf-8")) for line in lines if line.strip())
        return commands

    def close(self):
        """Everything was said."""
        self.pid = None

    def lowest(self):
        """Below this there is none of its descriptors."""
        return min(self.commands, self.events, self.stderr)

    def release(self):
        """In a child that has a channel of its own."""
        self.close()
        for fd in (self.commands, self.events):
            close(fd)

    def end(self):
        """The agent is gone: so are we, with everything that the tests started."""
        if getpgrp() == getpid():
            killpg(getpid(), signal.SIGKILL)
        _exit(EX_CHANNEL_LOST)


def line_of(event):
    try:
        data = (encode(event) + "\n").encode("utf-8")
    except Exception:  # A lone surrogate, a NaN, an object without a text.
        data = (encode(clean(event)) + "\n").encode("utf-8")
    if len(data) > MAX_LINE:
        data = (encode(clean(event, 1 << 16)) + "\n").encode("utf-8")
    return data
