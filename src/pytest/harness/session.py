"""The harness: runs pytest inside the project's interpreter and streams events to the agent.

It imports nothing but the standard library, starts no thread where tests run, and touches neither
the environment nor the working directory, so that a suite behaves as it does under `pytest`. Events are JSON lines
on a private copy of descriptor 1, commands come in on a private copy of descriptor 0. Everything
that runs inside a pytest hook goes through `guard`: a bug here must not fail a test.

PYTEST_DONT_REWRITE
"""
import collections
import fcntl
import faulthandler
import io
import json
import os
import select
import signal
import sys
import time

# Tests replace these functions; the harness keeps the ones that it found.
_write, _read, _fstat, _getpid, _exit = os.write, os.read, os.fstat, os.getpid, os._exit
_killpg, _getpgrp, _poll = os.killpg, os.getpgrp, select.poll
_clock, _cpu, _now = time.perf_counter, time.process_time, time.time
_decode = json.JSONDecoder().decode
try:
    from resource import RUSAGE_SELF, getrusage as _getrusage
except ImportError:
    _getrusage = None

MAX_LINE = 12 << 20
DUMP_SIGNAL = 16 if sys.platform == "linux" else 29  # SIGSTKFLT, SIGINFO
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
EX_CHANNEL_LOST = 70


def encoder():
    """A function from values to JSON that calls nothing which a test could replace later on."""
    make, strings = json.encoder.c_make_encoder, json.encoder.encode_basestring
    if make is None:
        return json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=repr).encode
    encode = make(None, repr, strings, None, ":", ",", False, False, False)
    return lambda value: "".join(encode(value, 0))


_encode = encoder()


def clean(value, cap=None):
    """`value` as JSON can hold it: no lone surrogates, no NaN, no foreign objects."""
    if isinstance(value, str):
        return shorten(value.encode("utf-8", "backslashreplace").decode("utf-8"), cap)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if isinstance(value, dict):
        return {clean(str(key)): clean(item, cap) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item, cap) for item in value]
    return clean(text_of(value), cap)


def text_of(value):
    try:
        return value if isinstance(value, str) else str(value)
    except Exception as error:
        return "<%s whose text raises %s>" % (type(value).__name__, type(error).__name__)


def shorten(text, cap):
    """`text` without its middle when it is longer than `cap` bytes."""
    if cap is None or len(text) * 4 <= cap:
        return text
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= cap:
        return text
    half = cap // 2
    head, tail = data[:half].decode("utf-8", "ignore"), data[-half:].decode("utf-8", "ignore")
    return "%s\n[... %d bytes left out ...]\n%s" % (head, len(data) - 2 * half, tail)


def one_line(text, limit=500):
    line = next((part.strip() for part in text_of(text).splitlines() if part.strip()), "")
    return (line if len(line) <= limit else line[: limit - 1] + "\u2026") or None


class Channel:
    """The private descriptors, in the one process that may use them."""

    def __init__(self):
        self.pid = _getpid()
        self.commands, self.events, self.stderr = private(0), private(1), private(2)
        self.identity = self.look(self.events)
        self.pending = b""
        stream = io.BufferedWriter(io.FileIO(self.events, "wb", closefd=False), 2 * MAX_LINE)
        self.fill, self.flush = stream.write, stream.flush
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)

    @staticmethod
    def look(fd):
        status = _fstat(fd)
        return status.st_dev, status.st_ino

    def send(self, kind, **fields):
        if _getpid() != self.pid:
            return  # A forked child that runs on into pytest is mute.
        event = {"v": 1, "t": kind}
        event.update(fields)
        try:
            data = _encode(event).encode("utf-8")
        except Exception:  # A lone surrogate, a NaN, an object without a text.
            data = _encode(clean(event)).encode("utf-8")
        if len(data) > MAX_LINE:
            data = _encode(clean(event, 1 << 16)).encode("utf-8")
        try:
            if self.look(self.events) != self.identity:
                raise OSError("replaced")
        except OSError:
            self.say("a test closed the event channel")
            _exit(EX_CHANNEL_LOST)
        self.fill(data + b"\n")
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
                poll = _poll()
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
            _write(self.stderr, ("harness: %s\n" % text).encode())
        except OSError:
            pass

    def receive(self, wait):
        """The commands that have come in; with `wait`, at least one. None when the agent is gone."""
        commands = []
        poll = _poll()
        poll.register(self.commands, select.POLLIN)
        while not commands and poll.poll(None if wait else 0):
            data = _read(self.commands, 1 << 16)
            if not data:
                return None
            lines = (self.pending + data).split(b"\n")
            self.pending = lines.pop()
            commands.extend(_decode(line.decode("utf-8")) for line in lines if line.strip())
        return commands

    def end(self):
        """The agent is gone: so are we, with everything that the tests started."""
        if _getpgrp() == _getpid():
            _killpg(_getpid(), signal.SIGKILL)
        _exit(EX_CHANNEL_LOST)


def private(fd):
    """A copy of `fd` that no test is likely to meet and no child process inherits."""
    for lowest in (900, 200, 20, 3):
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
    raise OSError("cannot duplicate descriptor %d" % fd)


class Session:
    """What is known of the pytest session; lives in the process that talks to the agent."""

    def __init__(self, channel, command, source):
        self.channel, self.send, self.owner = channel, channel.send, _getpid()
        self.source, self.command = source, command
        self.cap = command.get("cap_bytes") or 1 << 20
        self.selection = Selection(command.get("only"), command.get("skip") or ())
        self.cover = Cover(self) if command.get("coverage") else None
        self.running, self.uids, self.starts = {}, None, collections.Counter()
        self.deselected = self.collect_errors = 0
        self.reason = self.message = self.stop = self.session = None
        self.notices, self.warnings = set(), set()
        self.nodes = Nodes(self)

    def notice(self, code, message):
        if code not in self.notices:
            self.notices.add(code)
            self.send("notice", code=code, message=one_line(message))

    def because(self, reason, message):
        if self.reason is None:
            self.reason = reason
            self.message = None if message is None else shorten(text_of(message), self.cap)

    def configured(self, session):
        self.session, config = session, session.config
        guard(self.nodes.follow, config)
        inifile = getattr(config, "inipath", None)
        self.send(
            "session",
            rootdir=str(config.rootpath),
            inifile=str(inifile) if inifile else None,
            plugins=guard(plugins_of, config) or [],
            workers=len(config.option.tx) if self.nodes.distributed else 1,
        )

    def poll(self):
        if not self.nodes.distributed:  # There, a thread listens.
            self.hear(self.channel.receive(False))
        if self.stop and self.session is not None:
            self.session.shouldstop = self.stop

    def hear(self, commands):
        if commands is None:
            self.channel.end()
        for command in commands:
            if command.get("t") == "stop" and self.stop is None:
                self.stop = text_of(command.get("reason") or "stopped")
                self.nodes.stop(self.stop)

    def refuses(self):
        """Whether the test that is about to begin came after the end of the session was asked for."""
        return self.stop is not None

    def collecting(self, collector):
        import pytest

        if isinstance(collector, pytest.File):
            self.send("collecting", id=clean(collector.nodeid))
            self.poll()

    def collected(self, tests):
        """`tests` are node ids, each with its file and line."""
        self.uids = {}
        seen, lines, size = collections.Counter(), [], 0
        for nodeid, (file, line) in tests:
            uid = self.selection.next_uid(nodeid, seen)
            self.uids.setdefault(nodeid, []).append(uid)
            lines.append({"id": uid, "file": file, "line": line})
            size += len(uid) + len(file)
            if len(lines) == 1000 or size > 1 << 20:
                self.send("collected", tests=lines, done=False)
                lines, size = [], 0
        self.send("collected", tests=lines, deselected=self.deselected, done=True)
        self.poll()

    def collect_report(self, report):
        if report.outcome == "passed":
            return
        error = report.outcome == "failed"
        self.collect_errors += error
        path = report.nodeid.split("::")[0]
        root = getattr(getattr(self.session, "config", None), "rootpath", None)
        self.send(
            "collect_report",
            id=clean(report.nodeid),
            file=os.path.join(str(root), path) if root and path else None,
            outcome="error" if error else "skipped",
            message=message_of(report),
            longrepr=shorten(longrepr_of(report), self.cap) if error else None,
        )

    def start(self, nodeid, worker=None):
        worker = worker or self.nodes.current or (None if self.nodes.distributed else "main")
        if worker is None:
            return None  # The first report will say who runs it.
        nodeid = clean(plain(nodeid, self.session.config))
        earlier = self.running.get(worker)
        if earlier is not None:
            self.finish(earlier)
            if earlier.nodeid == nodeid and earlier.was_rerun():
                return self.again(earlier)
        uids = (self.uids or {}).get(nodeid) or [nodeid]
        uid = uids[self.starts[nodeid] % len(uids)]
        self.starts[nodeid] += 1
        return self.begin(Running(uid, nodeid, worker, self.nodes.pid_of(worker)))

    def again(self, running):
        return self.begin(Running(running.uid, running.nodeid, running.worker, running.pid))

    def begin(self, running):
        self.running[running.worker] = running
        self.send("started", id=running.uid, worker=running.worker, pid=running.pid)
        return running

    def report(self, report):
        node = getattr(report, "node", None)
        worker = "main" if node is None else node.gateway.id
        if report.when == "???":
            self.nodes.blame(worker, report)
            return
        running = self.running.get(worker) or self.start(report.nodeid, worker)
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
        running.reports.append(report)

    def logfinish(self):
        self.nodes.drain()
        running = self.running.get(self.nodes.current or "main")
        if running is not None:
            self.finish(running)
        self.poll()

    def finish(self, running):
        """Says the verdict over all phases, where there is one."""
        self.running.pop(running.worker, None)
        reports = running.reports + running.subtests
        if not any(report.when != "setup" or report.outcome != "passed" for report in reports):
            return
        ranked = [(RANKS.index(rank(report)), report) for report in running.reports]
        ranked += [(0, report) for report in running.subtests if report.outcome == "failed"]
        best, report = min(ranked or [(RANKS.index("passed"), reports[0])], key=lambda pair: pair[0])
        verdict = {"id": running.uid, "worker": running.worker, "outcome": RANKS[best]}
        for part in (self.times, self.explanation):
            verdict.update(guard(part, running, RANKS[best], report) or {})
        self.send("finished", **verdict)

    def times(self, running, *_):
        facts = self.nodes.facts.pop(running.worker, None) or facts_since(running.cpu)
        seconds = {r.when: getattr(r, "duration", None) for r in running.reports}
        facts.update(("%s_s" % when, seconds.get(when)) for when in ("setup", "call", "teardown"))
        starts = [r.start for r in running.reports if getattr(r, "start", None)]
        return dict(facts, started_at=min(starts) if starts else running.began)

    def explanation(self, running, outcome, report):
        if outcome not in ("failed", "error"):
            return {"message": None if outcome == "passed" else message_of(report)}
        reports = running.reports[:1] + running.subtests + running.reports[1:]
        culprits = [r for r in reports if r.outcome in ("failed", "rerun")]
        texts = [("%s\n" % subtest_name(r) if is_subtest(r) else "") + longrepr_of(r) for r in culprits]
        # Each phase repeats what the earlier ones captured.
        found = {(text_of(title), text_of(text)): None for r in reports for title, text in r.sections}
        return {
            "message": message_of(culprits[0]),
            "longrepr": shorten("\n\n".join(texts), self.cap),
            "sections": [{"title": shorten(t, 1000), "text": shorten(text, self.cap)} for t, text in found],
        }

    def crash(self, running, message):
        self.running.pop(running.worker, None)
        verdict = {"started_at": running.began, "message": one_line(message)}
        self.send("finished", id=running.uid, worker=running.worker, outcome="crashed", **verdict)

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
        for running in list(self.running.values()):
            self.finish(running)
        if self.stop:
            self.because("stop", self.stop)
        elif session.shouldfail:
            self.because("max_fail", session.shouldfail)
        if self.cover is not None:
            self.cover.end(session.config)


class Selection:
    """The agent's choice of tests, on top of pytest's own."""

    def __init__(self, only, skip):
        self.only = None if only is None else frozenset(only)
        self.skip = frozenset(skip)

    def wants(self, uid):
        return (self.only is None or uid in self.only) and uid not in self.skip

    def next_uid(self, nodeid, seen):
        """The name of the next selected test with this node id: the second one is `id#2`."""
        for _ in range(len(self.only or ()) + len(self.skip) + 1):
            seen[nodeid] += 1
            uid = nodeid if seen[nodeid] == 1 else "%s#%d" % (nodeid, seen[nodeid])
            if self.wants(uid):
                break
        return uid  # Even if unwanted: a plugin may add tests after the selection.

    def apply(self, items, config):
        if self.only is None and not self.skip:
            return
        seen, kept, everything = collections.Counter(), [], Selection(None, ())
        for item in items:
            if self.wants(everything.next_uid(clean(plain(item.nodeid, config)), seen)):
                kept.append(item)
        items[:] = kept


SESSION = None


def guard(function, *args):
    """Runs a piece of the harness inside of a hook; what goes wrong is told once, and forgiven."""
    if _getpid() != SESSION.owner:
        return None  # A forked child that runs on into pytest is mute.
    try:
        return function(*args)
    except Exception as error:
        try:
            where = getattr(function, "__name__", "hook")
            SESSION.notice("harness-error", "%s: %s: %s" % (where, type(error).__name__, error))
        except Exception:
            pass
    return None


def plugins_of(config):
    plugins = config.pluginmanager.list_plugin_distinfo()
    return sorted({"%s %s" % (dist.project_name, dist.version) for _, dist in plugins})


def plain(nodeid, config):
    """Without the `@group` that xdist adds for `--dist loadgroup`."""
    grouped = getattr(config.option, "loadgroup", None) or getattr(config.option, "dist", "") == "loadgroup"
    return nodeid[: nodeid.rfind("@")] if grouped and nodeid.rfind("@") > nodeid.rfind("]") else nodeid


def place_of(item):
    """File and line of a test, whatever kind of item it is."""
    try:
        file = text_of(getattr(item, "path", None) or item.fspath)
    except Exception:
        file = item.nodeid.split("::")[0]
    try:
        line = item.location[1]
        return clean(file), line + 1 if isinstance(line, int) and line >= 0 else None
    except Exception:
        return clean(file), None


def version_of(module, distribution):
    import importlib.metadata
    import importlib.util

    try:
        if importlib.util.find_spec(module) is None:
            return None
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return text_of(getattr(__import__(module), "__version__", "unknown"))
    except Exception:
        return None


def hello(channel):
    names = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
    pytest_version = version_of("pytest", "pytest")
    channel.send(
        "hello",
        pid=channel.pid,
        python=".".join(str(part) for part in sys.version_info[:3]),
        implementation=names.get(sys.implementation.name, sys.implementation.name),
        executable=clean(sys.executable),
        pytest=pytest_version,
        coverage=version_of("coverage", "coverage"),
        xdist=version_of("xdist", "pytest-xdist"),
    )
    return pytest_version is not None


def pose_as_pytest(argv):
    """What a test can see of the command line is what the `pytest` script would show."""
    folder = os.path.dirname(sys.executable)
    script = os.path.join(folder, "pytest")
    sys.argv[:] = [script] + argv
    if sys.path and sys.path[0] == "":
        sys.path[0] = folder
    if os.path.isfile(script):
        sys.modules["__main__"].__file__ = script


def watch_for_hangs(stderr):
    faulthandler.register(DUMP_SIGNAL, file=stderr, all_threads=True, chain=False)
    if not faulthandler.is_enabled():
        faulthandler.enable(file=stderr)


def main(source):
    global SESSION
    channel = Channel()
    watch_for_hangs(channel.stderr)
    if not hello(channel):
        return 0
    command = None
    while command is None:
        commands = channel.receive(True)
        if commands is None:
            return 0
        command = next((c for c in commands if c.get("t") == "run"), None)
    SESSION = Session(channel, command, source)
    SESSION.hear(commands)
    argv = [text_of(arg) for arg in command.get("argv") or ()]
    pose_as_pytest(argv)
    status = run_pytest(argv)
    channel.send("bye", status=status, reason=SESSION.reason, message=SESSION.message)
    return status


def run_pytest(argv):
    try:
        import pytest

        decorate()
        status = int(pytest.main(["-p", __name__] + argv, plugins=[Watch()]))
        if status == 4:
            SESSION.because("usage", None)
        return status
    except SystemExit as error:
        SESSION.because("exit", "SystemExit: %s" % error.code)
        return error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        return fatal(error)


def fatal(error):
    """The reason and the status for what pytest itself let through."""
    if isinstance(error, ImportError) and "Error importing plugin" in text_of(error):
        SESSION.because("usage", error)
        return 4
    if isinstance(error, KeyboardInterrupt):
        SESSION.because("interrupted", "KeyboardInterrupt")
        return 2
    import traceback

    trace = traceback.format_exception(type(error), error, error.__traceback__)
    SESSION.because("internal", "".join(trace))
    return 3
