"""The session of pytest, as the process knows it that talks to the agent.

The hooks tell it what happens, and it tells the agent. If tests run in xdist's workers,
`xdist.Nodes` takes the place of `Alone`.
"""
import collections
import os
from os import getpid

from ..shared.text import clean, one_line, shorten, text_of
from .alone import Alone
from .collection import Collection
from .reports import (
    PHASES,
    Running,
    is_subtest,
    longrepr_of,
    message_of,
    rank,
    subtest_name,
)
from .turns import Turns


class Session(Collection):
    def __init__(self, program, command, channel):
        self.channel, self.send = channel, channel.send
        self.cap, self.turns = command.get("cap_bytes") or 1 << 20, Turns(self.send)
        self.running, self.uids, self.starts = {}, {}, collections.Counter()
        self.is_collected, self.collect_errors = False, 0
        self.word = self.reason = self.message = None
        self.notices, self.warnings = set(), set()
        super().__init__(program, command)
        self.names = []  # Of the collected tests, in their order.
        self.nodes, self.forks = Alone(self.owner), None
        if command.get("isolate", "none") != "none":
            self.forks = program.load("_menace.harness.forks").Forks(self)

    def notice(self, code, message):
        if code not in self.notices:
            self.notices.add(code)
            self.send("notice", code=code, message=one_line(message))

    def because(self, reason, message):
        if self.reason is None:
            self.reason = reason
            self.message = None if message is None else shorten(text_of(message), self.cap)

    def distribute(self, config):
        if self.forks is not None and not self.forks.may_begin(config):
            self.forks = None
        if self.forks is None and (self.command.get("workers") or 1) > 1:
            self.program.load("_menace.harness.xdist").ask_for_workers(self, config)

    def configured(self, session):
        self.session, config = session, session.config
        self.guard(self.follow, config)
        inifile = getattr(config, "inipath", None)
        self.send(
            "session",
            rootdir=str(config.rootpath),
            inifile=str(inifile) if inifile else None,
            plugins=self.guard(plugins_of, config) or [],
            workers=self.nodes.number,
        )

    def follow(self, config):
        dsession = config.pluginmanager.getplugin("dsession")
        if dsession is not None:
            self.nodes = self.program.load("_menace.harness.xdist").Nodes(self, dsession)
            self.nodes.follow(config)
        elif self.forks is not None:
            self.nodes = self.forks

    def run_tests(self, session):
        """Runs the tests in forks of this process; None if pytest's own loop runs them in it."""
        return self.nodes.run_tests(session)

    def poll(self):
        if not self.nodes.distributed:  # There, a thread listens.
            commands = self.channel.receive(False)
            if commands != []:
                self.hear(commands)
        if self.stop and self.session is not None:
            self.session.shouldstop = self.stop

    def hear(self, commands):
        if commands is None:
            self.channel.end()
        for command in commands:
            if command.get("t") == "stop" and self.stop is None:
                self.stop = text_of(command.get("reason") or "stopped")
                self.nodes.stop(self.stop)
            elif command.get("t") == "leave" and self.word is None:
                self.word = command.get("word")
            else:
                self.nodes.order(command.get("t"), command)

    def refuses(self):
        """True for a test that is about to begin when the end of the session was already asked for."""
        return self.stop is not None

    def start(self, nodeid, place):
        self.nodes.begin(nodeid, place)
        if self.nodes.current is not None:  # Else the first report will say who runs it.
            self.enter(nodeid, self.nodes.current)

    def enter(self, nodeid, worker, announced=True):
        """A test began: pytest says so, or a report of it is the first sign."""
        earlier = self.running.get((worker, nodeid))
        if earlier is not None:
            self.finish(earlier)
            if earlier.was_rerun():
                return self.again(earlier)
        for other in [r for r in self.running.values() if r.worker == worker and r.was_torn_down()]:
            self.finish(other)
        name = self.nodes.name_of(nodeid, worker)
        uids = self.uids_of(name)
        uid = uids[self.starts[name] % len(uids)]
        self.starts[name] += 1
        return self.begin(Running(uid, nodeid, worker, self.nodes.pid_of(worker), announced))

    def again(self, earlier):
        uid, nodeid, worker = earlier.uid, earlier.nodeid, earlier.worker
        return self.begin(Running(uid, nodeid, worker, earlier.pid, earlier.announced))

    def begin(self, running):
        self.running[running.worker, running.nodeid] = running
        self.turns.begin(running)
        return running

    def report(self, report):
        node = getattr(report, "node", None)
        worker = node.gateway.id if node is not None else self.nodes.current or "main"
        if report.when == "???":
            self.nodes.blame(worker, report)
            return
        self.nodes.note(report)
        # A plug-in may run tests without announcing them, or several at once.
        running = self.running.get((worker, report.nodeid))
        running = running or self.enter(report.nodeid, worker, announced=False)
        if is_subtest(report):
            outcome = rank(report)
            if outcome in ("failed", "skipped"):  # There may be thousands that passed.
                running.subtests.append(report)
                name, message = subtest_name(report), message_of(report)
                self.send("subtest", id=running.uid, description=name, outcome=outcome, message=message)
            return
        if report.when == "setup" and running.was_rerun():
            self.finish(running)
            running = self.again(running)
        running.add(report, self.nodes.seconds(report))
        if report.when == "teardown" and not running.announced:
            self.finish(running)
            self.poll()

    def withheld(self, report):
        """A phase failed; its report may come, or be kept back by a plug-in that tries again."""
        running = self.running.get((self.nodes.current, getattr(report, "nodeid", None)))
        if running is not None and report.when in PHASES:
            running.withheld.append(report)

    def logfinish(self, nodeid):
        self.nodes.drain()
        running = self.running.get((self.nodes.current, nodeid))
        if running is not None:
            self.finish(running)
        self.poll()

    def finish(self, running):
        """Says the verdict over all phases, if there is one."""
        self.running.pop((running.worker, running.nodeid), None)
        if running.withheld:
            running.add_withheld()
        verdict = running.verdict()
        if verdict is None:
            self.turns.end(running, None)
            return
        outcome, report = verdict
        finished = {"id": running.uid, "worker": running.worker, "outcome": outcome}
        finished.update(self.guard(self.nodes.facts_of, running) or {})
        finished.update(running.times())
        if outcome != "passed" or running.reports[-1].sections:
            finished.update(self.guard(running.explanation, outcome, report, self.cap) or {})
        self.turns.end(running, finished)

    def crash(self, running, message, **more):
        self.running.pop((running.worker, running.nodeid), None)
        finished = {"id": running.uid, "worker": running.worker, "outcome": "crashed"}
        self.turns.end(running, dict(finished, message=one_line(message), **more))

    def fixture(self, scope, name, seconds, nodeid):
        self.nodes.costs(scope)
        self.send("fixture", scope=scope, name=name, seconds=seconds, id=nodeid)

    def warning(self, warning, nodeid):
        event = {
            "category": getattr(warning.category, "__name__", None) or text_of(warning.category),
            "message": shorten(text_of(warning.message), 10000),
            "file": os.path.abspath(text_of(warning.filename)),
            "line": warning.lineno if isinstance(warning.lineno, int) and warning.lineno > 0 else 0,
        }
        key = tuple(event.values())
        if key in self.warnings or len(self.warnings) < 1000:
            self.warnings.add(key)
            self.send("warning", id=clean(nodeid or ""), **event)

    def interrupted(self, excinfo):
        name, text = excinfo.typename, text_of(excinfo.value)
        if self.stop:
            self.because("stop", self.stop)
        elif name == "Exit":
            self.because("exit", getattr(excinfo.value, "msg", text))
        elif name == "Interrupted":
            of_collection = self.collect_errors and "collection" in text
            self.because("collect_errors" if of_collection else "max_fail", text)
        else:
            self.because("interrupted", excinfo.exconly())

    def ending(self, session):
        self.nodes.drain()
        self.finish_all()
        if self.stop:
            self.because("stop", self.stop)
        elif session.shouldfail:
            self.because("max_fail", session.shouldfail)
        if self.cover is not None:
            self.cover.ending(session.config)

    def finish_all(self):
        for running in list(self.running.values()):
            self.finish(running)

    def leave(self, status):
        """pytest has ended. The last word to the agent repeats a word that it sends for that."""
        if getpid() != self.owner:
            return  # A forked child that ran through all of pytest.
        self.guard(self.finish_all)
        self.guard(self.loaded.tell, self)
        self.send("ending")
        self.nodes.join()
        while self.word is None:
            self.hear(self.channel.receive(True))
        self.send("bye", status=status, reason=self.reason, message=self.message, word=self.word)
        self.channel.close()


def plugins_of(config):
    plugins = config.pluginmanager.list_plugin_distinfo()
    return sorted({"%s %s" % (dist.project_name, dist.version) for _, dist in plugins})
