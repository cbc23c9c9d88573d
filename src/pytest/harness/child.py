"""A forked child: it runs the tests that it was given, and says what becomes of them."""
import atexit
import collections
import gc
import os
import sys
from os import _exit, getpid

from ..shared.text import clean, shorten, text_of
from .alone import Alone
from .interpreter import write_stacks_to
from .numbers import lines_of
from .printed import stacks_of
from .selection import plain, remember
from .turns import Turns


class Child(Alone):
    """The one process of a session, in a child."""

    def __init__(self, forks, channel):
        super().__init__(getpid())
        self.session, self.channel, self.command = forks.session, channel, None
        self.workers, self.uid, self.base = forks.number, forks.uid, forks.base
        self.more, self.given, self.is_costly = None, None, False
        self.reports, self.queue = [], collections.deque()
        self.take_over(self.session)

    def take_over(self, session):
        """The state of the session becomes that of this process."""
        session.channel.release()
        self.kept = session.uids, session.starts, session.loaded.files  # To free them costs time.
        session.owner, session.nodes = self.pid, self
        session.channel, session.send = self.channel, self.channel.send
        session.turns, session.running = Turns(self.channel.send), {}
        session.uids, session.starts = {}, collections.Counter()
        session.loaded.files = set()
        getattr(atexit, "_clear", int)()
        leave_multiprocessing()
        gc.enable()
        if session.cover is not None:
            session.guard(session.cover.in_child)

    def main(self):
        """Waits for its tests, runs them, and ends this process."""
        while self.command is None:
            self.session.hear(self.channel.receive(True))
        self.session.session.testsfailed = self.command["failed"]
        self.set_apart(self.session.session.config)
        how, text, code = self.outcome(lines_of(self.command["tests"]))
        session = self.session
        if session.cover is not None:
            session.guard(session.cover.end_of_child)
        session.guard(self.drain)
        session.guard(leave_python)
        session.guard(session.loaded.look_again)
        files, is_forked = sorted(session.loaded.files), session.loaded.is_forked()
        self.channel.queue("loaded", files=files, forked=is_forked)
        os.closerange(3, self.channel.lowest())
        self.channel.tell("end", how=how, text=text, code=code)
        _exit(0)

    def order(self, kind, command):
        if kind == "begin":
            self.command = command
            self.child, self.current = command["child"], command["worker"]
            self.more = command["more"]
        elif kind == "give":
            self.given = command["tests"]

    def set_apart(self, config):
        """What the tests of a process have for themselves: temporary files, captured output."""
        if self.workers > 1:
            names = ("WORKER", "WORKER_COUNT", "TESTRUNUID")
            values = (self.current, self.workers, self.uid)
            for name, value in zip(names, values):
                os.environ["PYTEST_XDIST_" + name] = str(value)
            names = ("workerid", "workercount", "testrunuid", "mainargv")
            config.workerinput = dict(zip(names, (*values, list(sys.argv))))
        self.session.guard(self.session.printed.set_apart, config, self.current)
        folder = self.session.command.get("scratch")
        if folder:
            os.makedirs(folder, 0o700, exist_ok=True)
            self.session.guard(write_stacks_to, stacks_of(folder, self.current))
        if self.base is not None:
            base = self.base / ("%s-%d" % (self.current, self.child))
            base.mkdir(mode=0o700)
            config._tmp_path_factory._basetemp = base

    def begin(self, nodeid, place):
        self.channel.queue("start", id=nodeid, place=place)
        self.stopwatch.begin()

    def note(self, report):
        config = self.session.session.config
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        if data is not None:
            self.reports.append(data)

    def drain(self):
        """The test has ended; its reports are for the hooks of the collecting process."""
        if self.reports:
            self.channel.queue("test", reports=self.reports)
            self.reports = []

    def costs(self, scope):
        """A fixture took its time; whether a next child pays for it again."""
        self.is_costly = self.is_costly or scope in ("session", "package")

    def outcome(self, tests):
        """Runs the tests; how the session of this process ended: kind, text, and code."""
        session = self.session.session
        try:
            self.run(session, tests)
            return None, None, None
        except BaseException as error:
            ended = self.explain(error, session)
        try:
            session._setupstate.teardown_exact(None)
        except BaseException as error:
            ended = self.explain(error, session)
        self.session.finish_all()
        return ended

    def explain(self, error, session):
        name, text = type(error).__name__, shorten(text_of(error), self.session.cap)
        if isinstance(error, session.Failed):
            return "fail", text, None
        if isinstance(error, session.Interrupted):
            return "stop", text, None
        if name == "Exit":
            return "exit", text_of(getattr(error, "msg", text)), getattr(error, "returncode", None)
        if isinstance(error, KeyboardInterrupt):
            return "interrupted", text, None
        import traceback

        trace = traceback.format_exception(type(error), error, error.__traceback__)
        return "internal", shorten(clean("".join(trace)), self.session.cap), None

    def run(self, session, tests):
        """As pytest's own loop; a costly fixture lets the last test ask for more before its end."""
        state, teardown = session._setupstate, session._setupstate.teardown_exact

        def teardown_exact(following):
            is_last = following is None and not self.queue and self.more == "costly"
            if is_last and self.is_costly and not (session.shouldfail or session.shouldstop):
                self.queue.extend(self.items(session, self.wait()))
                following = self.queue[0] if self.queue else None
            teardown(following)

        state.teardown_exact = teardown_exact
        try:
            self.run_all(session, tests)
        finally:
            state.teardown_exact = teardown

    def run_all(self, session, tests):
        self.queue.extend(self.items(session, tests))
        while self.queue:
            item = self.queue.popleft()
            if not self.queue and self.more == "always":
                self.queue.extend(self.items(session, self.wait()))
            following = self.queue[0] if self.queue else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)

    def items(self, session, tests):
        items = [session.items[index] for index in tests]
        for index, item in zip(tests, items):
            remember(self.session.uids, clean(plain(item)), self.session.names[index])
        return items

    def wait(self):
        """The next tests, before the last one begins: pytest tears down what they do not need."""
        self.given = None
        self.channel.send("wants", child=self.child)
        while self.given is None and self.session.stop is None:
            self.session.hear(self.channel.receive(True))
        return lines_of(self.given) if self.given else []


def base_of(config):
    """The folder for temporary files of this session, which children share out among them."""
    factory = getattr(config, "_tmp_path_factory", None)
    try:
        return factory and factory.getbasetemp()
    except Exception:
        return None  # It cannot be made, as each test that needs it will say.


def leave_multiprocessing():
    """The processes of the parent are not those of this one, as in its own children."""
    util, process = (sys.modules.get("multiprocessing." + name) for name in ("util", "process"))
    if util is not None and process is not None:
        util._finalizer_registry.clear()
        process._children.clear()


def leave_python():
    """What Python does at its end, of what began in this process."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._exit_function()
    getattr(atexit, "_run_exitfuncs", int)()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
