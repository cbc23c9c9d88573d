"""All trials of one command: a process for each module, some at the same time."""
import collections
import os
import platform
import select
import signal
import sys
import tempfile
import time
import traceback

from ..shared.stacks import DUMP_SIGNAL
from .child import DUMP_GRACE, Child
from .inside import try_module
from .reaper import Reaper, end, remove
from .verdicts import EX_SOFTWARE
from .wall import find_wall


class Trials:
    """All trials of one command."""

    def __init__(self, channel, command):
        self.channel, self.command = channel, command
        self.queue = collections.deque(command["modules"])
        self.at_once = max(1, int(command.get("at_once") or 1))
        self.limit = float(command["limit_s"])
        self.running, self.count, self.stopped = {}, 0, False
        self.base = os.path.realpath(tempfile.mkdtemp(prefix="menace-trial-"))
        self.wake, alarm = os.pipe()
        for fd in (self.wake, alarm):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        if sys.version_info < (3, 9):
            platform.uname()  # Starts a process, once.
        self.reaper, self.confine = Reaper(self.base), find_wall()

    def run(self):
        try:
            while (self.queue or self.running) and not self.stopped and not self.channel.gone:
                while self.queue and len(self.running) < self.at_once and self.start():
                    pass
                self.wait()
                for child in list(self.running.values()):
                    self.tend(child)
        finally:
            for child in self.running.values():
                end(child.pid)
            remove(self.base)

    def start(self):
        """Starts the next one; False if the system has no room for another one just now."""
        module = self.queue.popleft()
        self.count += 1
        scratch, pipes = os.path.join(self.base, str(self.count)), []
        word = os.urandom(16).hex().encode()
        try:
            os.mkdir(scratch, 0o700)
            pipes = [os.pipe() for _ in range(3)]
            pid = os.fork()
        except OSError as error:
            for fd in sum(pipes, ()):
                os.close(fd)
            if self.running:
                self.queue.appendleft(module)
                return False
            message = "not tried: cannot start a process: %s" % error
            self.finished(module, outcome="not_run", message=message)
            return True
        if pid == 0:
            leave, status = os._exit, EX_SOFTWARE  # A module may empty our namespaces.
            try:
                self.reaper.join()
                ends = [sink for _, sink in pipes]
                try_module(self.command, module, scratch, word, self.confine, *ends)
            except BaseException:
                traceback.print_exc()
            finally:
                leave(status)
        for _, sink in pipes:
            os.close(sink)
        self.reaper.tell("+", pid)
        sources = [source for source, _ in pipes]
        self.running[pid] = Child(module, pid, self.limit, scratch, word, sources)
        self.begun(self.running[pid])
        return True

    def wait(self):
        poll, owners = select.poll(), {}
        for child in self.running.values():
            owners.update((fd, child) for fd in child.pipes)
        for fd in [self.wake, self.channel.commands, *owners]:
            poll.register(fd, select.POLLIN)
        due = min((child.due for child in self.running.values()), default=0)
        for fd, _ in poll.poll(max(0, due - time.monotonic()) * 1000 + 1):
            if fd == self.wake:
                os.read(fd, 4096)
            elif fd == self.channel.commands:
                commands = self.channel.receive()
                self.stopped = self.stopped or any(c.get("t") == "stop" for c in commands)
            else:
                owners[fd].read(fd)

    def tend(self, child):
        self.tell_tests(child)
        if child.has_ended():
            end(child.pid)
            self.reaper.tell("-", child.pid)
            status = child.reap()
            del self.running[child.pid]
            child.drain()
            duration = time.monotonic() - child.began
            remove(child.scratch)
            output = child.output.text()
            self.tell_tests(child)
            self.finished(child.module, duration_s=duration, output=output, **child.verdict(status))
        elif time.monotonic() >= child.due and not child.dumped:
            child.dumped, child.due = True, time.monotonic() + DUMP_GRACE
            os.kill(child.pid, DUMP_SIGNAL)
        elif time.monotonic() >= child.due:
            child.killed, child.due = True, time.monotonic() + 60
            end(child.pid)

    def begun(self, child):
        self.channel.send("started", pid=child.pid, **name_of(child.module))

    def tell_tests(self, child):
        """The verdict over a module has their numbers."""

    def finished(self, module, **verdict):
        self.channel.send("finished", **dict(name_of(module), **verdict))


def name_of(module):
    return {"module": module["module"], "file": module["file"]}
