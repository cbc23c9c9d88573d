"""The channel to the agent: JSON lines on private descriptors.

Tests replace functions of `os` and `select`; the channel keeps the ones that it found.
"""
import io
import select
import signal
from os import _exit, fstat, getpgrp, getpid, killpg, read, write
from select import poll as new_poll

from ..shared.descriptors import private, take_channel
from ..shared.text import clean
from .codec import decode, encode

MAX_LINE = 12 << 20
EX_CHANNEL_LOST = 70


class Channel:
    """The private descriptors, in the one process that may use them."""

    def __init__(self):
        self.pid = getpid()
        self.commands, self.events = take_channel()
        self.stderr = private(2)
        self.identity = self.look(self.events)
        self.arrival = new_poll()
        self.arrival.register(self.commands, select.POLLIN)
        self.pending = b""
        stream = io.BufferedWriter(io.FileIO(self.events, "wb", closefd=False), 2 * MAX_LINE)
        self.fill, self.flush = stream.write, stream.flush

    @staticmethod
    def look(fd):
        status = fstat(fd)
        return status.st_dev, status.st_ino

    def send(self, kind, **fields):
        if getpid() != self.pid:
            return  # A forked child that runs on into pytest is mute.
        event = {"v": 1, "t": kind, **fields}
        try:
            data = (encode(event) + "\n").encode("utf-8")
        except Exception:  # A lone surrogate, a NaN, an object without a text.
            data = (encode(clean(event)) + "\n").encode("utf-8")
        if len(data) > MAX_LINE:
            data = (encode(clean(event, 1 << 16)) + "\n").encode("utf-8")
        try:
            if self.look(self.events) != self.identity:
                raise OSError("replaced")
        except OSError:
            self.say("a test closed the event channel")
            _exit(EX_CHANNEL_LOST)
        self.fill(data)
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

    def end(self):
        """The agent is gone: so are we, with everything that the tests started."""
        if getpgrp() == getpid():
            killpg(getpid(), signal.SIGKILL)
        _exit(EX_CHANNEL_LOST)
