"""The harness of the modules that joined the module map: it tests them as their trial did.

To the agent it speaks as the harness of pytest does. Each module has a process of its own under the
guard of the trial, so that it meets in every run what it met when it was tried, and no other
module's trouble. Its import is a test, and so are its doctests and the tests that it defines.
"""
import os

from ..harness.channel import Channel
from ..harness.interpreter import greet
from ..shared.descriptors import leave_terminal
from ..shared.text import clean, shorten
from .trials import Trials

MOST_FIELDS = ("message", "longrepr")


def main(program):
    channel = Channel.take()
    leave_terminal()
    if not greet(channel):
        return 0
    line = Line(channel)
    while line.command is None and not line.gone:
        line.receive()
    if line.command is None:
        return 0
    channel.send("session", rootdir=os.getcwd(), inifile=None, plugins=[], workers=1)
    members = Members(line, line.command)
    members.run()
    channel.send("collected", tests=[], done=True)
    channel.send("ending")
    while line.word is None and not line.gone:
        line.receive()
    stop = line.stop
    status = 1 if members.has_failed else 0
    channel.send("bye", status=status, reason=stop and "stop", message=stop, word=line.word)
    channel.close()
    return status


class Line:
    """The channel as trials know it."""

    def __init__(self, channel):
        self.channel, self.commands, self.gone = channel, channel.commands, False
        self.command = self.stop = self.word = None

    def send(self, kind, **fields):
        self.channel.send(kind, **fields)

    def receive(self):
        commands = self.channel.receive(True)
        if commands is None:
            self.gone = True
            return []
        for command in commands:
            if command.get("t") == "run" and self.command is None:
                self.command = command
            elif command.get("t") == "stop":
                self.stop = self.stop or command.get("reason") or "stopped"
            elif command.get("t") == "leave":
                self.word = command.get("word")
        return commands


class Members(Trials):
    """One module after the other, so that what ends this process has a name."""

    def __init__(self, line, command):
        only, skip = command.get("only"), frozenset(command.get("skip") or ())
        self.has_failed, self.cap = False, command.get("cap_bytes") or 1 << 20
        self.wants = lambda uid: uid not in skip and (only is None or uid in only)
        pending = only if only is not None else [import_of(module) for module in command["modules"]]
        files = {uid.partition("::")[0] for uid in pending if uid not in skip}
        self.open, self.known = None, set()  # The test that was begun last, and all that were told.
        super().__init__(line, dict(command, at_once=1))
        left = [module for module in self.queue if module["file"] in files]
        self.queue.clear()
        self.queue.extend(left)
        for module in left:
            self.collect(module, import_of(module), None)

    def collect(self, module, uid, line):
        if uid in self.known:
            return
        self.known.add(uid)
        test = {"id": uid, "file": os.path.abspath(module["file"]), "line": line}
        self.channel.send("collected", tests=[clean(test)], done=False)

    def begun(self, child):
        self.channel.send("collecting", id=clean(child.module["file"]))
        self.begin(child, import_of(child.module), None)

    def begin(self, child, uid, line):
        if self.wants(uid):
            self.open = uid
            self.collect(child.module, uid, line)
            self.channel.send("started", id=clean(uid), worker="main", pid=child.pid)

    def end(self, uid, outcome, test):
        if not self.wants(uid):
            return
        self.open = None
        self.has_failed = self.has_failed or outcome not in ("passed", "skipped", "xfailed", "xpassed")
        fields = {name: shorten(test[name], self.cap) for name in MOST_FIELDS if test.get(name)}
        fields.update(id=uid, worker="main", outcome=outcome, call_s=test.get("seconds"))
        self.channel.send("finished", **clean(fields))

    def tell_tests(self, child):
        for test in child.tests():
            uid = "%s::%s" % (child.module["file"], test["name"])
            outcome = test["outcome"]
            if outcome is None or self.open != uid:
                self.begin(child, uid, test.get("line"))
            if outcome is not None:
                self.end(uid, outcome, test)

    def finished(self, module, **verdict):
        """A process that ended early leaves a test without a verdict, or ended after its last one."""
        outcome = verdict["outcome"]
        if self.open is None and outcome not in ("crashed", "timed_out"):
            return
        if self.open is None:
            uid = "%s::exit" % module["file"]
            self.collect(module, uid, None)
            self.channel.send("started", id=clean(uid), worker="main", pid=os.getpid())
        else:
            uid = self.open
        outcome = outcome if outcome in ("crashed", "timed_out") else "error"
        text = "\n".join(part for part in (verdict.get("report"), verdict.get("output")) if part)
        self.end(uid, outcome, {"message": verdict.get("message"), "longrepr": text})


def import_of(module):
    return "%s::import" % module["file"]
