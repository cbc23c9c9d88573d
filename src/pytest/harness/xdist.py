"""pytest-xdist, seen from the process that talks to the agent.

xdist carries reports, but not what the harness knows besides; that goes through a second channel of
the same gateway and so arrives before the report that follows it. At its other end is a `Worker`.
"""
import collections
import os
import threading
from queue import Empty
from time import perf_counter

import pytest

from ..shared.text import clean, one_line
from .codec import decode, encode
from .hooks import show_arguments
from .interpreter import version_of
from .printed import read
from .reports import SECONDS, facts_since, longrepr_of
from .selection import copy_of

STALLED_S = 10  # Between two tests, xdist needs milliseconds.

BOOTSTRAP = """
sources, command = channel.receive()
name = "_menace.shared.importer"
importer = {"__name__": name}
exec(compile(sources[name], "<%s>" % name, "exec"), importer)
program = importer["Program"](sources)
program.load("_menace.harness.worker").join(program, channel, command)
"""


def ask_for_workers(session, config):
    """Asks xdist for workers, unless the project has its own mind about that."""
    known = config.known_args_namespace
    if not config.pluginmanager.hasplugin("xdist"):
        missing = version_of("xdist", "pytest-xdist") is None
        state = "not installed" if missing else "switched off"
        code = "xdist-missing" if missing else "xdist-disabled"
        session.notice(code, "pytest-xdist is %s, so that one process runs the tests" % state)
    elif known.numprocesses is None and known.dist == "no" and not known.tx and not known.usepdb:
        known.numprocesses = config.option.numprocesses = session.command["workers"]


def number_of_workers(config):
    """`--tx 3*popen` asks for three."""
    times = [spec.partition("*")[0] for spec in config.option.tx]
    return sum(int(number) if number.isdigit() else 1 for number in times)


def hooks_of(nodes):
    """A plugin with xdist's hooks, which has no attribute that leads to `nodes`."""
    guard = nodes.session.guard

    class Hooks:
        @pytest.hookimpl(trylast=True)
        def pytest_configure_node(self, node):
            guard(nodes.connect, node)

        @pytest.hookimpl(tryfirst=True)
        def pytest_testnodedown(self, node, error):
            guard(nodes.down, node, error)

        def pytest_xdist_node_collection_finished(self, node, ids):
            guard(nodes.collected, node, ids)

    return Hooks()


class Nodes:
    """The workers, as seen by the session."""

    distributed = True

    def __init__(self, session, dsession):
        self.session, self.dsession = session, dsession
        self.number = number_of_workers(dsession.config)
        self.sides, self.mail, self.current = {}, collections.deque(), None
        self.places, self.names, self.facts, self.crashed = [], {}, {}, {}
        self.each = dsession.config.getvalue("dist") == "each"
        self.copies, self.vacant, self.told = {}, [], set()
        self.ready, self.ended, self.quiet_since = set(), set(), None

    def pid_of(self, worker):
        return self.sides.get(worker, (self.session.owner,))[0]

    def begin(self, nodeid, place):
        """The workers have watches."""

    def run_tests(self, session):
        """xdist does."""

    def order(self, kind, command):
        """xdist decides."""

    def note(self, report):
        """xdist carries it."""

    @staticmethod
    def seconds(report):
        return report.__dict__.pop(SECONDS, getattr(report, "duration", None))

    def name_of(self, nodeid, worker):
        name = clean(nodeid)
        return copy_of(self.names.get(name, name), self.copies.get(worker, 1))

    def facts_of(self, running):
        return self.facts.pop(running.worker, None) or facts_since(running.cpu)

    def follow(self, config):
        """xdist does not tell the hooks which worker an event came from; its handlers know."""
        for name in ("worker_logstart", "worker_logfinish"):
            setattr(self.dsession, name, self.handler(getattr(self.dsession, name)))
        config.pluginmanager.register(hooks_of(self))
        self.dsession.queue.get = self.patient(self.dsession.queue.get)
        show_arguments(config, hidden=False)  # xdist hands them on to its workers.
        self.listener = threading.Thread(target=lambda: self.listen(), daemon=True)
        self.listener.start()

    def listen(self):
        """The session waits for reports of its workers, which may be long in coming."""
        while self.session.word is None:
            self.session.hear(self.session.channel.receive(True))

    def join(self):
        self.listener.join()

    def patient(self, get):
        """xdist may lose sight of tests after a worker died, and then waits for ever."""

        def wait(*args, **kwargs):
            try:
                event = get(*args, **kwargs)
            except Empty:
                if self.session.guard(self.is_stalled):
                    reason = "pytest-xdist gives its workers nothing to do, although tests are left"
                    self.session.because("stalled", reason)
                    raise self.session.session.Interrupted(reason)
                raise
            self.quiet_since = None
            return event

        return wait

    def is_stalled(self):
        """True if for some time all workers were idle, and tests are left that nobody began."""
        self.drain()
        session, starts = self.session, self.session.starts
        left = any(starts[name] < len(uids) for name, uids in (session.uids or {}).items())
        idle = self.ready and self.ready.issuperset(self.sides.keys() - self.ended)
        if session.running or self.dsession.shouldstop or not (left and idle):
            self.quiet_since = None
            return False
        now = perf_counter()
        self.quiet_since = self.quiet_since or now
        return now - self.quiet_since >= STALLED_S

    def handler(self, original):
        def handle(node, **kwargs):
            self.current = node.gateway.id
            try:
                return original(node=node, **kwargs)
            finally:
                self.current = None

        return handle

    def connect(self, node):
        """Brings the harness into a new worker and opens a side channel to it."""
        name = node.gateway.id
        if self.each:  # A new worker takes the place of one that died.
            self.copies[name] = self.vacant.pop(0) if self.vacant else len(self.copies) + 1
        channel = node.gateway.remote_exec(BOOTSTRAP)
        command = dict(self.session.command, places=not self.sides, copy=self.copies.get(name, 1))
        channel.send((self.session.program.sources, encode(command)))
        side, pid = channel.receive(60)
        channel.waitclose(60)
        self.sides[name] = (pid, side)
        if self.session.stop:
            self.ask(side, self.session.stop)
        side.setcallback(lambda text: self.mail.append((name, text)))  # In a thread of execnet's.

    def drain(self):
        while self.mail:
            worker, text = self.mail.popleft()
            mail = decode(text)
            kind = mail.pop("t")
            if kind == "places":
                self.places, self.names = mail["places"], mail["names"]
                self.session.deselected = mail["deselected"]
            elif kind == "ready":
                self.ready.add(worker)
            elif kind == "facts":
                self.facts[worker] = mail
            elif kind == "withheld":
                self.withheld(worker, mail["data"])
            elif kind == "lines":
                self.session.cover.add(mail["files"])
            elif kind == "loaded":
                self.session.loaded.add(**mail)
            elif kind == "notice":
                self.session.notice(**mail)
            else:
                self.session.send(kind, **mail)

    def withheld(self, worker, data):
        config = self.session.session.config
        report = config.hook.pytest_report_from_serializable(config=config, data=data)
        running = self.session.running.get((worker, report.nodeid))
        if running is not None:
            running.withheld.append(report)

    def stop(self, reason):
        self.dsession.shouldstop = reason
        for _, side in list(self.sides.values()):
            self.ask(side, reason)

    @staticmethod
    def ask(side, reason):
        try:
            side.send(reason)
        except Exception:
            pass  # The worker is gone.

    def collected(self, node, ids):
        """All workers collect the same; the one that was started first also says the places.

        Under `--dist each` the tests of each worker are tests of their own.
        """
        self.drain()
        session, worker = self.session, node.gateway.id
        if not (self.places or worker in list(self.sides)[:1]):
            return
        number = self.copies.get(worker, 1)
        if number in self.told:
            return
        self.told.add(number)
        ids, places = [self.name_of(nodeid, worker) for nodeid in ids], self.places
        if len(places) != len(ids):
            root = str(session.session.config.rootpath)
            places = [(os.path.join(root, nodeid.split("::")[0]), None) for nodeid in ids]
        done = not self.each or len(self.told) == self.number
        session.collected(zip(ids, places), done)

    def down(self, node, error):
        self.ended.add(node.gateway.id)
        if not error or error == "keyboard-interrupt":
            return
        self.drain()
        self.session.loaded.add((), True)
        worker = node.gateway.id
        self.vacant.append(self.copies.get(worker, 1))
        tests = self.session.running.values()
        running = next((test for test in tests if test.worker == worker), None)
        self.session.send("worker_died", worker=worker, id=running.uid if running else None)
        if running is not None:
            self.crashed[worker] = running.nodeid
            sections = read(self.session.command.get("scratch"), worker, self.session.cap)
            message = "xdist worker '%s' died: %s" % (worker, one_line(error))
            self.session.crash(running, message, sections=sections)

    def blame(self, worker, report):
        """xdist reports the next test of a dead worker as crashed, even if it had not begun."""
        if self.crashed.pop(worker, None) != report.nodeid:
            self.session.crash(self.session.enter(report.nodeid, worker), longrepr_of(report))
