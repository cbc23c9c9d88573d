"""The harness in a worker of pytest-xdist; its mail goes to the session by a side channel."""
from os import _exit, getpid
from time import process_time

import pytest

from ..shared.descriptors import private
from ..shared.text import clean, one_line
from .codec import decode, encode
from .hooks import wait_for_pytest
from .interpreter import watch_for_hangs
from .process import Process
from .reports import PHASES, SECONDS, Stopwatch, facts_since, is_subtest


def join(program, channel, command):
    """Called by what `xdist.Nodes` sends, before xdist begins with its own work."""
    watch_for_hangs(private(2))
    side = channel.gateway.newchannel()
    worker = Worker(program, decode(command), side)
    if worker.cover is not None:
        worker.guard(worker.cover.start)
    channel.send((side, getpid()))
    wait_for_pytest(worker, sendable(worker))


class Worker(Process):
    """Stands for the session in a worker."""

    in_worker = True

    def __init__(self, program, command, side):
        self.side, self.cpu, self.stopwatch = side, 0.0, Stopwatch()
        self.reported, self.failures = set(), []
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
            pairs = zip(self.session.items, tests)
            known = self.selection.aliases
            names = ((clean(item.nodeid), known.get(name, name)) for item, (name, _) in pairs)
            names = {nodeid: name for nodeid, name in names if nodeid != name}
            places = [place for _, place in tests]
            self.send("places", places=places, names=names, deselected=self.deselected)
        self.send("ready")

    def start(self, *_):
        self.cpu = process_time()
        self.stopwatch.begin()
        self.reported, self.failures = set(), []

    def fixture(self, scope, name, seconds, nodeid):
        self.send("fixture", scope=scope, name=name, seconds=seconds, id=nodeid)

    def report(self, report):
        self.reported.add(report.when)

    def withheld(self, report):
        self.failures.append(report)

    def logfinish(self, _):
        config = self.session.config
        for report in self.failures:
            if report.when in PHASES and report.when not in self.reported:
                data = config.hook.pytest_report_to_serializable(config=config, report=report)
                self.send("withheld", data=data)
        self.send("facts", **facts_since(self.cpu))
        self.refuses()

    def refuses(self):
        if self.stop:
            self.session.shouldstop = self.stop
        return self.stop is not None

    def ending(self, session):
        self.loaded.look()
        self.send("loaded", files=sorted(self.loaded.files), forked=self.loaded.is_forked())
        if self.cover is not None:
            self.cover.ending(session.config)

    def ignore(self, *_):
        """The session hears of it from xdist."""

    distribute = broken_conftest = collecting = collect_report = ignore
    warning = interrupted = because = run_tests = ignore


def sendable(worker):
    """A plugin that makes reports such as execnet accepts."""
    status = 0

    def end_of_child(report):
        """A test forked, and its child runs on into pytest: its reports would pass for its parent's.

        It is silenced, and ends after its test as pytest would: nobody would give it another one.
        """
        nonlocal status
        worker.side.gateway._send = lambda *args, **kwargs: None
        if report.when in PHASES:
            status |= report.outcome == "failed"
            if report.when == "teardown":
                _exit(status)

    def finish_data(outcome, report):
        make_sendable(outcome)
        if report.when in PHASES and not is_subtest(report):
            outcome.get_result()[SECONDS] = worker.stopwatch.seconds(report)

    class Sendable:
        @pytest.hookimpl(hookwrapper=True)
        def pytest_report_to_serializable(self, report):
            if getpid() != worker.owner:
                end_of_child(report)
            outcome = yield
            worker.guard(finish_data, outcome, report)

    return Sendable()


def make_sendable(outcome):
    """execnet refuses lone surrogates, and xdist would end the session over them."""
    data = outcome.get_result()
    try:
        encode(data).encode("utf-8")
    except Exception:
        outcome.force_result(clean(data))
