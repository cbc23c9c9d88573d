"""The harness in a worker of pytest-xdist; its mail goes to the session by a side channel."""
from os import getpid
from time import process_time

import pytest

from ..shared.descriptors import private
from ..shared.text import clean, one_line
from .codec import decode, encode
from .hooks import wait_for_pytest
from .interpreter import watch_for_hangs
from .process import Process
from .reports import facts_since


def join(program, channel, command):
    """Called by what `xdist.Nodes` sends, before xdist begins with its own work."""
    watch_for_hangs(private(2))
    side = channel.gateway.newchannel()
    worker = Worker(program, decode(command), side)
    channel.send((side, getpid()))
    wait_for_pytest(worker, Sendable(worker))


class Worker(Process):
    """Stands for the session in a worker."""

    in_worker = True

    def __init__(self, program, command, side):
        self.side, self.cpu = side, 0.0
        super().__init__(program, command)
        side.setcallback(lambda reason: setattr(self, "stop", reason))

    def send(self, kind, **fields):
        if getpid() == self.owner:
            self.side.send(encode(clean(dict(fields, t=kind))))

    def notice(self, code, message):
        self.send("notice", code=code, message=one_line(message))

    def configured(self, session):
        self.session = session

    def collected(self, tests):
        if self.command["places"]:
            self.send("places", places=[place for _, place in tests], deselected=self.deselected)

    def start(self, _):
        self.cpu = process_time()

    def logfinish(self):
        self.send("facts", **facts_since(self.cpu))
        self.refuses()

    def refuses(self):
        if self.stop:
            self.session.shouldstop = self.stop
        return self.stop is not None

    def ending(self, session):
        if self.cover is not None:
            self.cover.end(session.config)

    def ignore(self, *_):
        """The session hears of it from xdist."""

    distribute = broken_conftest = collecting = collect_report = ignore
    report = warning = interrupted = because = ignore


class Sendable:
    """A plugin that makes reports such as execnet accepts."""

    def __init__(self, worker):
        self.guard = worker.guard

    @pytest.hookimpl(hookwrapper=True)
    def pytest_report_to_serializable(self):
        outcome = yield
        self.guard(make_sendable, outcome)


def make_sendable(outcome):
    """execnet refuses lone surrogates, and xdist would end the session over them."""
    data = outcome.get_result()
    try:
        encode(data).encode("utf-8")
    except Exception:
        outcome.force_result(clean(data))
