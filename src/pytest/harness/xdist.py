"""pytest-xdist: a part of the harness, which is one program and shares its names.

In the process that talks to the agent, `Nodes` follows the workers; inside of a worker, `Worker`
takes the place of the session. xdist carries reports, but not what the harness knows besides; that
goes through a second channel of the same gateway and so arrives before the report that follows it.
"""


def distribute(config):
    """Asks xdist for workers, unless the project has its own mind about that."""
    workers, known = SESSION.command.get("workers") or 1, config.known_args_namespace
    if workers < 2 or isinstance(SESSION, Worker):
        return
    if not config.pluginmanager.hasplugin("xdist"):
        missing = version_of("xdist", "pytest-xdist") is None
        state = "not installed" if missing else "switched off"
        code = "xdist-missing" if missing else "xdist-disabled"
        SESSION.notice(code, "pytest-xdist is %s, so that one process runs the tests" % state)
    elif known.numprocesses is None and known.dist == "no" and not known.tx and not known.usepdb:
        known.numprocesses = config.option.numprocesses = workers


class Nodes:
    """The workers, as seen by the session: empty without xdist."""

    def __init__(self, session):
        self.session, self.dsession = session, None
        self.sides, self.mail, self.current = {}, collections.deque(), None
        self.places, self.facts, self.crashed = [], {}, {}

    @property
    def distributed(self):
        return self.dsession is not None

    def pid_of(self, worker):
        return self.sides.get(worker, (self.session.owner,))[0]

    def follow(self, config):
        """xdist does not tell the hooks which worker an event came from; its handlers know."""
        self.dsession = config.pluginmanager.getplugin("dsession")
        if self.distributed:
            for name in ("worker_logstart", "worker_logfinish"):
                setattr(self.dsession, name, self.handler(getattr(self.dsession, name)))
            import threading

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

    def connect(self, node):
        """Brings the harness into a new worker and opens a side channel to it."""
        channel = node.gateway.remote_exec(BOOTSTRAP)
        command = dict(self.session.command, places=not self.sides)
        channel.send((self.session.source, _encode(command)))
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
            mail = _decode(text)
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
        if self.distributed:
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


class Worker:
    """Stands for the session in an xdist worker; its mail goes to the session by a side channel."""

    def __init__(self, side, command):
        self.side, self.owner, self.command = side, _getpid(), command
        self.selection = Selection(command.get("only"), command.get("skip") or ())
        self.cover = Cover(self) if command.get("coverage") else None
        self.deselected, self.cpu, self.session, self.stop = 0, 0.0, None, None
        side.setcallback(lambda reason: setattr(self, "stop", reason))

    def send(self, kind, **fields):
        if _getpid() == self.owner:
            self.side.send(_encode(clean(dict(fields, t=kind))))

    def notice(self, code, message):
        self.send("notice", code=code, message=one_line(message))

    def configured(self, session):
        self.session = session

    def collected(self, tests):
        if self.command["places"]:
            self.send("places", places=[place for _, place in tests], deselected=self.deselected)

    def start(self, _):
        self.cpu = _cpu()

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

    collecting = collect_report = report = warning = interrupted = because = ignore


BOOTSTRAP = """
source, command = channel.receive()
import sys
module = type(sys)("_menace_harness")
sys.modules[module.__name__] = module
exec(compile(source, "<harness>", "exec"), module.__dict__)
module.join(channel, command)
"""


def join(channel, command):
    """Starts the harness in an xdist worker."""
    global SESSION
    watch_for_hangs(private(2))
    side = channel.gateway.newchannel()
    SESSION = Worker(side, _decode(command))
    channel.send((side, _getpid()))
    decorate()
