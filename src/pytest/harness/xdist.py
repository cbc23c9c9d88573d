"""pytest-xdist, seen from the process that talks to the agent.

xdist carries reports, but not what the harness knows besides; that goes through a second channel of
the same gateway and so arrives before the report that follows it. At its other end is a `Worker`.
"""
import collections
import os
import threading

import pytest

from ..shared.text import clean, one_line
from .codec import decode, encode
from .interpreter import version_of
from .reports import facts_since, longrepr_of
from .selection import plain

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


class Nodes:
    """The workers, as seen by the session; a plugin with xdist's hooks."""

    distributed = True

    def __init__(self, session, dsession):
        self.session, self.dsession = session, dsession
        self.sides, self.mail, self.current = {}, collections.deque(), None
        self.places, self.facts, self.crashed = [], {}, {}

    def pid_of(self, worker):
        return self.sides.get(worker, (self.session.owner,))[0]

    def facts_of(self, running):
        return self.facts.pop(running.worker, None) or facts_since(running.cpu)

    def follow(self, config):
        """xdist does not tell the hooks which worker an event came from; its handlers know."""
        for name in ("worker_logstart", "worker_logfinish"):
            setattr(self.dsession, name, self.handler(getattr(self.dsession, name)))
        config.pluginmanager.register(self)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        """The session waits for reports of its workers, which may be long in coming."""
        while True:
            self.session.hear(self.session.channel.receive(True))

    def handler(self, original):
        def handle(node, **kwargs):
            self.current = node.gateway.id
            try:
                return original(node=node, **kwargs)
            finally:
                self.current = None

        return handle

    @pytest.hookimpl(trylast=True)
    def pytest_configure_node(self, node):
        self.session.guard(self.connect, node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_testnodedown(self, node, error):
        self.session.guard(self.down, node, error)

    def pytest_xdist_node_collection_finished(self, node, ids):
        self.session.guard(self.collected, node, ids)

    def connect(self, node):
        """Brings the harness into a new worker and opens a side channel to it."""
        channel = node.gateway.remote_exec(BOOTSTRAP)
        command = dict(self.session.command, places=not self.sides)
        channel.send((self.session.program.sources, encode(command)))
        side, pid = channel.receive(60)
        channel.waitclose(60)
        name = node.gateway.id
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
                self.places, self.session.deselected = mail["places"], mail["deselected"]
            elif kind == "facts":
                self.facts[worker] = mail
            elif kind == "lines":
                self.session.cover.add(mail["files"])
            elif kind == "notice":
                self.session.notice(**mail)
            else:
                self.session.send(kind, **mail)

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
        """All workers collect the same; the one that was started first also says the places."""
        self.drain()
        session, first = self.session, node.gateway.id in list(self.sides)[:1]
        if session.uids is None and (first or self.places):
            ids = [clean(plain(nodeid, session.session.config)) for nodeid in ids]
            places = self.places
            if len(places) != len(ids):
                root = str(session.session.config.rootpath)
                places = [(os.path.join(root, nodeid.split("::")[0]), None) for nodeid in ids]
            session.collected(zip(ids, places))

    def down(self, node, error):
        if not error or error == "keyboard-interrupt":
            return
        self.drain()
        worker = node.gateway.id
        running = self.session.running.get(worker)
        self.session.send("worker_died", worker=worker, id=running.uid if running else None)
        if running is not None:
            self.crashed[worker] = running.nodeid
            self.session.crash(running, "xdist worker '%s' died: %s" % (worker, one_line(error)))

    def blame(self, worker, report):
        """xdist reports the next test of a dead worker as crashed, even if it had not begun."""
        nodeid = clean(plain(report.nodeid, self.session.session.config))
        if self.crashed.pop(worker, None) != nodeid:
            self.session.crash(self.session.start(nodeid, worker), longrepr_of(report))
