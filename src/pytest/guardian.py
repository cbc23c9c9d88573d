"""Process 1 of a test container: starts the harness and stands between it and the agent.

The first line of its standard input says what comes: `tar` before a project, which is unpacked
into the folder `sys.argv[2]`, and then the size of the harness. `sys.argv[3:]` are variables that
name locales of another machine. Everything goes on to the harness
but lines that begin with `!`: these are signals to deliver. At the end it says how the harness
ended. When its input ends the agent is gone, and with process 1 the whole container is.
"""
import os
import select
import signal
import sys


def read_exactly(count):
    data = b""
    while len(data) < count:
        piece = os.read(0, min(count - len(data), 1 << 20))
        if not piece:
            os._exit(70)
        data += piece
    return data


def read_line():
    line = b""
    while not line.endswith(b"\n"):
        line += read_exactly(1)
    return line


class Chunks:
    """The project, in pieces that each begin with a line that holds its size; 0 is the end."""

    def __init__(self):
        self.rest, self.ended = b"", False

    def read(self, count):
        while len(self.rest) < count and not self.ended:
            size = int(read_line())
            self.ended = size == 0
            self.rest += read_exactly(size)
        data, self.rest = self.rest[:count], self.rest[count:]
        return data


def unpack(folder):
    import tarfile

    chunks = Chunks()
    safe = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
    if not os.path.isdir(folder):
        os.makedirs(folder)
    with tarfile.open(fileobj=chunks, mode="r|") as archive:
        archive.extractall(folder, **safe)
    while chunks.read(1 << 20):
        pass
    os.chdir(folder)


def drop_missing_locales(variables):
    """Without this, `setlocale` would fail in an image that lacks the locale."""
    import _locale

    before = _locale.setlocale(_locale.LC_CTYPE, None)
    for name in variables:
        try:
            if os.environ.get(name):
                _locale.setlocale(_locale.LC_CTYPE, os.environ[name])
        except _locale.Error:
            del os.environ[name]
    _locale.setlocale(_locale.LC_CTYPE, before)


class Guardian:
    def __init__(self, child, sink):
        self.child, self.sink = child, sink
        self.line, self.pending, self.skip, self.stopped = b"", b"", 0, False
        os.set_blocking(sink, False)

    def run(self):
        """The status of the harness, when it has ended."""
        wake, alarm = os.pipe()
        for end in (wake, alarm):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(alarm)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)
        while True:
            status = self.reap()
            if status is not None:
                return status
            writers = [self.sink] if self.pending and self.sink is not None else []
            readable, writable, _ = select.select([0, wake], writers, [])
            if wake in readable:
                os.read(wake, 4096)
            if 0 in readable:
                data = os.read(0, 1 << 16)
                if not data:
                    return None
                self.take(data)
            if writable:
                self.write()

    def on_signal(self, number, frame):
        if number != signal.SIGCHLD:
            self.stopped = True
            self.deliver(self.child, number, True)

    def reap(self):
        """Collects whoever ended; orphans of the tests are ours here."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == self.child:
                return status
            if pid == 0:
                return None

    def take(self, data):
        if self.skip:
            head, data = data[: self.skip], data[self.skip :]
            self.skip -= len(head)
            self.pending += head
        lines = (self.line + data).split(b"\n")
        self.line = lines.pop()
        for line in lines:
            if line.startswith(b"!"):
                number, target = line[1:].split()
                group = target == b"group"
                self.deliver(self.child if group else int(target), int(number), group)
            else:
                self.pending += line + b"\n"

    def write(self):
        try:
            self.pending = self.pending[os.write(self.sink, self.pending) :]
        except BlockingIOError:
            pass
        except OSError:
            os.close(self.sink)
            self.sink = None

    @staticmethod
    def deliver(pid, number, group):
        try:
            (os.killpg if group else os.kill)(pid, number)
        except OSError:
            pass  # It ended by itself.


def out_of_memory_kills():
    """Processes of this container that the kernel killed for want of memory; -1: unknown."""
    for name in ("memory.events", "memory/memory.oom_control"):
        try:
            with open("/sys/fs/cgroup/" + name) as file:
                words = file.read().split()
            return int(words[words.index("oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            continue
    return -1


def stand_guard():
    folder = sys.argv[2]
    if sys.argv[3:]:
        drop_missing_locales(sys.argv[3:])
    first = read_line()
    if first == b"tar\n":
        unpack(folder)
        first = read_line()
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.dup2(source, 0)
        os.close(source)
        os.close(sink)
        try:
            # If memory runs out, the tests go first, and the guardian stays to say so.
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("500")
        except OSError:
            pass
        return sys.argv[1]
    os.close(source)
    guardian = Guardian(child, sink)
    guardian.pending, guardian.skip = first, int(first)
    status = guardian.run()
    if status is None:
        os._exit(0)
    kills = out_of_memory_kills()
    if os.WIFSIGNALED(status):
        code, how = 128 + os.WTERMSIG(status), '"signal":%d' % os.WTERMSIG(status)
    else:
        code, how = os.WEXITSTATUS(status), '"code":%d' % os.WEXITSTATUS(status)
    # The harness may have been cut off in the middle of a line.
    how += ',"oom_kills":%d,"stopped":%s' % (kills, str(guardian.stopped).lower())
    os.write(1, ('\n{"v":1,"t":"ended",%s}\n' % how).encode())
    os._exit(code)


def hand_over(loader):
    """The harness finds the namespace of `python -c`, without a trace of this program."""
    program = compile(loader, "<string>", "exec")
    names = globals()
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    names["__doc__"] = None
    return program


exec(hand_over(stand_guard()))
