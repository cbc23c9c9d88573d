"""The process that collected the tests forks children, and each of them runs some of the tests.

The agent says which, and when. What a child says to the agent goes on from here, a whole line at a
time; its reports are repeated to the hooks of this process, as xdist's controller does, so that
plug-ins that count, or write a file at the end, see one session.
"""
import gc
import os
import signal
import sys
import warnings
from os import close, fork, waitpid
from select import POLLIN
from select import poll as new_poll
from uuid import uuid4

from .alarm import Alarm
from .alone import Alone
from .channel import OWN, Channel
from .child import Child, base_of
from .codec import decode
from .echo import Echo
from .fitness import Fitness, chose_otherwise, refusal
from .forked import Forked, ends

EX_NO_CHILD = 71
MOST_SPARES = 3  # Forking takes as long as the tests of a small file.
MUTED = ("start", "report", "withheld", "logfinish")  # In children a test begins, and ends.


class Forks(Alone):
    """The children of a session; stands where `Alone` does."""

    def __init__(self, session):
        super().__init__(session.owner)
        self.session, self.number = session, session.command.get("workers") or 1
        self.forked, self.children, self.spares, self.to_come = [], {}, [], 0
        self.is_calm, self.is_done, self.end, self.echo = True, False, None, None
        self.uid, self.base = uuid4().hex, None
        self.fitness = Fitness(session, self.number)

    def may_begin(self, config):
        """Whether the tests may run in forks, as far as is known before they are collected."""
        if chose_otherwise(config):
            return False
        problem = refusal()
        if problem is not None:
            self.session.send("unfit", reason=problem)
            return False
        self.fitness.watch()
        gc.disable()  # Holes in the heap would be filled, and so copied, by each child.
        return True

    def stop(self, reason):
        for child in self.children.values():
            child.tell("stop", reason=reason)

    def run_tests(self, session):
        """pytest's loop over all tests; None if it has to run in this process."""
        option, problem = session.config.option, self.fitness.problem()
        errors = session.testsfailed and not option.continue_on_collection_errors
        if errors or option.collectonly or not session.items:
            gc.enable()
            return None
        if problem is None:
            self.serve(session)
            return True
        gc.enable()
        self.session.send("unfit", reason=problem)
        if self.number > 1:  # The agent begins again, and lets pytest-xdist have the workers.
            self.session.because("unfit", problem)
            raise session.Interrupted(problem)
        self.session.nodes = Alone(self.session.owner)
        return None

    def serve(self, session):
        for name in MUTED:
            setattr(self.session, name, ignore)
        self.base, self.echo = base_of(session.config), Echo(session.config)
        self.session.guard(self.session.loaded.look)
        if self.session.cover is not None:
            self.session.guard(self.session.cover.before_children)
        self.alarm, self.poll = Alarm(), new_poll()
        for fd in (self.session.channel.commands, self.alarm.wake):
            self.poll.register(fd, POLLIN)
        gc.freeze()
        try:
            self.session.send("serving")
            self.loop(session)
        finally:
            self.alarm.leave()
            gc.enable()  # What was collected stays frozen: no end of a session is worth a look at it.

    def loop(self, session):
        interruption = None
        while self.forked or not (self.is_done or self.is_ending(session) or interruption):
            try:
                self.step(session)
            except BaseException as error:  # Ctrl-C, or a hook of a plug-in.
                interruption = interruption or error
                self.stop("the session ends")
            if self.is_done or interruption or self.is_ending(session):
                self.dismiss_spares()
        if interruption is not None:
            raise interruption
        self.conclude(session)

    def is_ending(self, session):
        """The reason why no test begins any more, if there is one."""
        return session.shouldfail or session.shouldstop or self.session.stop or self.end

    def conclude(self, session):
        """Ends the session as that of a child ended."""
        if self.session.stop:
            session.shouldstop = self.session.stop
        how, text, code = self.end or (None, None, None)
        if how == "exit":
            import pytest

            pytest.exit(text, code)
        if how == "interrupted":
            raise KeyboardInterrupt(text)
        if how == "internal":
            self.session.because("internal", text)
            raise RuntimeError("a child of the session failed")
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)

    def step(self, session):
        was_ending, has_ended = self.is_ending(session), False
        by_fd = {child.events: child for child in self.forked}
        events = self.poll.poll(0) or self.while_idle()
        self.is_calm = True
        for fd, _ in events:
            if fd == self.session.channel.commands:
                commands = self.session.channel.receive(False)
                if commands != []:
                    self.session.hear(commands)
            elif fd == self.alarm.wake:
                has_ended = self.alarm.rang()
            else:
                self.hear(by_fd[fd])
        for child in list(self.forked) if has_ended else ():
            self.reap(child)
        if self.is_ending(session) and not was_ending:
            self.stop(str(self.is_ending(session)))

    def while_idle(self):
        """Has children ready before they are needed, and waits for something to happen."""
        if self.is_calm and len(self.spares) < min(self.to_come, MOST_SPARES):
            self.spares.append(self.fork())
            return []
        return self.poll.poll()

    def order(self, kind, command):
        """A command of the agent."""
        if kind == "fork":
            if not self.is_ending(self.session.session):
                self.employ(command)
        elif kind == "give":
            child = self.children.get(command["child"])
            if child is not None:
                child.tell("give", tests=command["tests"])
        elif kind == "done":
            self.is_done = True

    def employ(self, command):
        """Lets a child begin."""
        child = self.spares.pop(0) if self.spares else self.fork()
        child.number, child.worker = command["child"], command["worker"]
        self.children[child.number] = child
        child.tell("begin", **dict(command, failed=self.session.session.testsfailed))
        self.to_come = command.get("to_come", 0)
        self.is_calm = False  # To fork now would keep the processor from the child.

    def dismiss_spares(self):
        self.to_come = 0
        while self.spares:
            self.spares.pop().dismiss()

    def fork(self):
        orders, events = ends(), ends()
        os.set_blocking(events[0], False)
        for stream in (sys.stdout, sys.stderr):
            self.session.guard(stream.flush)
        was_forked = self.session.loaded.forked
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 3.12 counts threads that are not Python's.
            pid = fork()
        self.session.loaded.forked = was_forked
        if pid == 0:
            channel = Channel(orders[0], events[1], self.session.channel.stderr)
            self.become(channel, (orders[1], events[0]))
        close(orders[0])
        close(events[1])
        child = Forked(pid, orders[1], events[0])
        self.forked.append(child)
        self.poll.register(child.events, POLLIN)
        return child

    def become(self, channel, others):
        """In the new process: everything of the collecting one is left behind."""
        try:
            for fd in others:
                close(fd)
            for child in self.forked:
                child.close()
            self.alarm.leave()
            for name in MUTED:
                delattr(self.session, name)
            child = Child(self, channel)
            del self.forked, self.children, self.spares, self.poll
            child.main()
        except BaseException as error:
            channel.say("%s: %s" % (type(error).__name__, error))
        finally:
            os._exit(EX_NO_CHILD)

    def hear(self, child):
        """Hands on what a child says to the agent, and takes what is for this process."""
        lines = child.lines()
        if not child.is_open:
            self.forget(child)
        if lines is None:
            os.kill(child.pid, signal.SIGKILL)
            self.session.notice("child-flood", "a process of tests wrote a line without an end")
            child.parts, child.size = [], 0
            return
        if OWN not in lines:
            if lines:
                self.session.channel.forward(lines)
            return
        outward, own = [], []
        for line in lines.split(b"\n")[:-1]:
            (own if line.startswith(OWN) else outward).append(line)
        if outward:
            self.session.channel.forward(b"\n".join(outward) + b"\n")
        for line in own:
            self.take(child, line[len(OWN) :])

    def take(self, child, line):
        try:
            mail = decode(line.decode("utf-8"))
            kind = mail.pop("t")
        except Exception:
            return  # A test wrote to its channel; what it says to the agent counts as little.
        if kind == "start":
            child.test = mail["id"], tuple(mail["place"])
        elif kind == "test":
            self.echo.reports(child, mail["reports"])
        elif kind == "lines":
            self.session.cover.add(mail["files"])
        elif kind == "loaded":
            self.session.loaded.add(**mail)
        elif kind == "end":
            self.take_end(child, self.session.session, **mail)

    def take_end(self, child, session, how, text, code):
        """A child has nothing to say any more, and what it used is free."""
        if how == "stop":
            session.shouldstop = text
        elif how == "fail":
            session.shouldfail = text
        elif how is not None:
            self.end = self.end or (how, text, code)
        if self.children.pop(child.number, None) is not None:
            self.session.send("child_ended", died=False, **child.names())

    def forget(self, child):
        """Nothing more comes from it."""
        try:
            self.poll.unregister(child.events)
        except KeyError:
            pass  # It was known.

    def reap(self, child):
        pid, status = waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            return
        self.hear(child)
        self.forget(child)
        self.forked.remove(child)
        child.close()
        if child in self.spares:
            self.spares.remove(child)
        if self.children.pop(child.number, None) is None:
            return
        last_words = child.last_words(status, self.session.command.get("scratch"), self.session.cap)
        self.session.loaded.add((), True)
        self.session.send("child_ended", died=True, **child.names(), **last_words)
        if child.test is not None:
            self.echo.death(child)


def ignore(*_):
    """For hooks that mean something in children only."""
