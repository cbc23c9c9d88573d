"""The trial: imports modules that no test reaches, each in a process of its own, under guard.

The loader runs this in place of the harness, with the same channels: events are JSON lines on a
private copy of descriptor 1, commands come in on a private copy of descriptor 0. This process
imports nothing of the project. It forks a child for each module, so that whatever a module needs
is imported once for each that needs it, and no module can spoil the next one's.

A reaper, a process in a session of its own, kills what is left when this one is killed.
"""
import collections
import errno
import faulthandler
import fcntl
import importlib.machinery
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

DUMP_SIGNAL = 16 if sys.platform == "linux" else 29  # SIGSTKFLT, SIGINFO
DUMP_GRACE = 1.0  # For the stacks of a module that hangs.
KEPT = 64 << 10  # Of what a module prints, of its report, of its stacks.
PIPE = 1 << 20  # The largest pipe of a process without privileges.
NOTES = 4 << 20  # More than any report.
EX_SOFTWARE, EX_CHANNEL_LOST = 70, 71


def clean(value):
    """`value` as JSON can hold it: no lone surrogates, no foreign objects."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def shorten(text, cap=KEPT):
    """`text` without its middle when it is longer than `cap` characters."""
    if len(text) <= cap:
        return text
    half = cap // 2
    left_out = len(text) - 2 * half
    return "%s\n[... %d characters left out ...]\n%s" % (text[:half], left_out, text[-half:])


def one_line(text, limit=500):
    line = next((part.strip() for part in text.splitlines() if part.strip()), "")
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"


def private(fd):
    """A copy of `fd` that no module is likely to meet and no child process inherits."""
    for lowest in (900, 200, 20, 3):
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
    raise OSError("cannot duplicate descriptor %d" % fd)


class Channel:
    """The agent's end of this process."""

    def __init__(self):
        self.commands, self.events = private(0), private(1)
        self.pending, self.gone = b"", False
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)

    def send(self, kind, **fields):
        event = dict(fields, v=1, t=kind)
        data = json.dumps(clean(event)).encode("ascii") + b"\n"
        try:
            while data:
                data = data[os.write(self.events, data) :]
        except OSError:
            self.gone = True

    def receive(self):
        """The commands of what can be read now; reads once, and may wait for that."""
        data = os.read(self.commands, 1 << 16)
        if not data:
            self.gone = True
            return []
        lines = (self.pending + data).split(b"\n")
        self.pending = lines.pop()
        return [json.loads(line.decode("utf-8")) for line in lines if line.strip()]


class Reaper:
    """Kills the children and removes their folders when the process that started it is gone."""

    def __init__(self, base):
        self.base, self.known, self.sink = base, set(), None
        self.start()

    def start(self):
        source, sink = os.pipe()
        pid = os.fork()
        if pid:
            os.close(source)
            self.sink = sink
            return
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            close_all_but(source)
            self.stand_by(source)
        finally:
            os._exit(0)

    def stand_by(self, source):
        left, pending = set(), b""
        while True:
            data = os.read(source, 4096)
            if not data:
                break
            lines = (pending + data).split(b"\n")
            pending = lines.pop()
            for line in lines:
                (left.add if line[:1] == b"+" else left.discard)(int(line[1:]))
        for pid in left:
            end(pid)
        remove(self.base)

    def join(self):
        """In a child: its parent may be killed before it could tell, and the group will not have it."""
        try:
            os.write(self.sink, b"+%d\n" % os.getpid())
        except OSError:
            pass  # The parent will notice that as well.

    def tell(self, sign, pid):
        (self.known.add if sign == "+" else self.known.discard)(pid)
        try:
            os.write(self.sink, ("%s%d\n" % (sign, pid)).encode())
        except OSError:
            # It was killed: the next one must know of all.
            os.close(self.sink)
            self.start()
            os.write(self.sink, "".join("+%d\n" % pid for pid in self.known).encode())


def close_all_but(*kept):
    try:
        found = [int(name) for name in os.listdir("/dev/fd")]
    except (OSError, ValueError):
        found = range(4096)
    for fd in found:
        if fd > 2 and fd not in kept:
            try:
                os.close(fd)
            except OSError:
                pass


def end(leader):
    """Kills a child, which was not reaped, and all of its group and session."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except OSError:
        pass  # Nobody is left, or only the dead leader.
    for pid in session(leader):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def session(leader):
    """The processes of its session; none where the system does not say."""
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return found
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[3] == b"%d" % leader and int(name) != leader and fields[0] != b"Z":
            found.append(int(name))
    return found


def remove(folder):
    """Removes a folder, even one whose rights were taken away; what stays is no trial's fault."""

    def give_rights(function, path, _):
        for part in (os.path.dirname(path), path):
            # Nothing above the folder, and nothing that a link leads to.
            if (part + "/").startswith(folder + "/") and not os.path.islink(part):
                try:
                    os.chmod(part, 0o700)
                except OSError:
                    pass

    on_error = {"onexc" if sys.version_info >= (3, 12) else "onerror": give_rights}
    for _ in range(10):  # Rights that are given show what is below.
        try:
            shutil.rmtree(folder, **on_error)
        except (OSError, RecursionError):
            return
        if not os.path.lexists(folder):
            return


class Tail:
    """The end of a stream, or its beginning."""

    def __init__(self, cap, of_end):
        self.data, self.cap, self.of_end, self.overflowed = b"", cap, of_end, False

    def push(self, data):
        self.data += data
        if len(self.data) > self.cap:
            self.overflowed = True
            self.data = self.data[-self.cap :] if self.of_end else self.data[: self.cap]

    def text(self):
        return self.data.decode("utf-8", "replace")


class Child:
    """A module that is being tried."""

    def __init__(self, module, pid, limit, scratch, pipes):
        self.module, self.pid, self.limit, self.scratch = module, pid, limit, scratch
        self.began = time.monotonic()
        self.due = self.began + limit
        self.dumped = self.killed = False
        self.output, self.faults, self.notes = Tail(KEPT, True), Tail(KEPT, False), Tail(NOTES, False)
        self.pipes = dict(zip(pipes, (self.output, self.faults, self.notes)))
        for fd in pipes:
            os.set_blocking(fd, False)

    def read(self, fd):
        """Reads once; False when there is nothing, or will be nothing any more."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            del self.pipes[fd]
            os.close(fd)
            return False
        self.pipes[fd].push(data)
        if self.dumped and not self.killed and self.pipes[fd] is self.faults:
            self.due = min(self.due, time.monotonic() + DUMP_GRACE / 10)
        return True

    def drain(self):
        """What is in the pipes now; a process that got away may write for ever."""
        for fd in list(self.pipes):
            for _ in range(PIPE >> 12):
                if not self.read(fd):
                    break
            if fd in self.pipes:
                os.close(fd)
        self.pipes = {}

    def has_ended(self):
        if hasattr(os, "waitid"):
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.pid, flags) is not None
        pid, self.status = os.waitpid(self.pid, os.WNOHANG)
        return pid != 0

    def reap(self):
        return os.waitpid(self.pid, 0)[1] if hasattr(os, "waitid") else self.status

    def verdict(self, status):
        """What is said of the module."""
        touched, report = self.told()
        fields = {"doctests": 0, "tests": 0, "message": None, "report": None, "touched": touched}
        stacks = shorten(without_guard(self.faults.text())).strip("\n") or None
        if self.dumped:
            # The signal that asked for the stacks may have ended the wait.
            message = "it did not end within %gs" % self.limit
            fields.update(outcome="timed_out", message=message, report=stacks)
        elif report is not None:
            fields.update(report)
        else:
            fields.update(outcome="crashed", message=how_it_ended(status), report=stacks)
        return fields

    def told(self):
        """What it tried to touch, and its report."""
        touched, report = collections.Counter(), None
        for line in self.notes.data.split(b"\n"):
            try:
                if line[:1] == b"T":
                    event, _, target = line[1:].decode("utf-8", "replace").partition("\0")
                    touched[event, target] += 1
                elif line[:1] == b"R":
                    told = json.loads(line[1:].decode("ascii"))
                    found = {(str(t[0]), str(t[1])): number(t[2]) for t in told["touched"]}
                    report, touched = checked(told), found
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                continue  # The module wrote to the descriptor.
        names = ("event", "target", "times")
        return [dict(zip(names, key + (times,))) for key, times in touched.items()], report


def checked(report):
    """A report in the form that the agent reads, whoever wrote it."""
    if report["outcome"] not in ("passed", "failed"):
        raise ValueError(report["outcome"])
    fields = {key: number(report.get(key, 0)) for key in ("doctests", "tests")}
    for key in ("message", "report"):
        fields[key] = None if report.get(key) is None else shorten(str(report[key]))
    return dict(fields, outcome=report["outcome"])


def number(value):
    return min(max(int(value), 0), 1 << 31)


def how_it_ended(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = "signal %d" % number
        return "%s ended its process" % name
    code = os.WEXITSTATUS(status)
    if code == EX_CHANNEL_LOST:
        return "it closed the descriptor that its report goes through"
    return "it ended its process with exit status %d" % code


def without_guard(stacks):
    """Stacks without the lines of this program and of the machinery of imports."""
    library = 'File "%s' % os.path.dirname(importlib.__file__)
    ours = ('File "<_menace.', 'File "<string>"', 'File "<frozen importlib', library)
    lines = stacks.splitlines(True)
    return "".join(line for line in lines if not line.strip().startswith(ours))


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
        self.reaper = Reaper(self.base)

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
        """Starts the next one; False where the system has no room for another one just now."""
        module = self.queue.popleft()
        self.count += 1
        scratch, pipes = os.path.join(self.base, str(self.count)), []
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
            try:
                self.reaper.join()
                ends = [sink for _, sink in pipes]
                try_module(self.command, module, scratch, *ends)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(EX_SOFTWARE)
        for _, sink in pipes:
            os.close(sink)
        self.reaper.tell("+", pid)
        self.running[pid] = Child(module, pid, self.limit, scratch, [source for source, _ in pipes])
        self.channel.send("started", pid=pid, **name_of(module))
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
        if child.has_ended():
            end(child.pid)
            self.reaper.tell("-", child.pid)
            status = child.reap()
            del self.running[child.pid]
            child.drain()
            duration = time.monotonic() - child.began
            remove(child.scratch)
            output = child.output.text()
            self.finished(child.module, duration_s=duration, output=output, **child.verdict(status))
        elif time.monotonic() >= child.due and not child.dumped:
            child.dumped, child.due = True, time.monotonic() + DUMP_GRACE
            os.kill(child.pid, DUMP_SIGNAL)
        elif time.monotonic() >= child.due:
            child.killed, child.due = True, time.monotonic() + 60
            end(child.pid)

    def finished(self, module, **verdict):
        self.channel.send("finished", **dict(name_of(module), **verdict))


def name_of(module):
    return {"module": module["module"], "file": module["file"]}


def main(program):
    channel = Channel()
    version = ".".join(str(part) for part in sys.version_info[:3])
    channel.send("hello", pid=os.getpid(), python=version)
    command = None
    while command is None and not channel.gone:
        commands = channel.receive()
        if any(c.get("t") == "stop" for c in commands):
            return 0
        command = next((c for c in commands if c.get("t") == "try"), None)
    if command is not None:
        Trials(channel, command).run()
        channel.send("bye")
    return 0
