"""Cleans up after the modules: ends their processes, and removes their folders.

The reaper, a process in a session of its own, does so when the trial is killed.
"""
import os
import shutil
import signal
import sys


class Reaper:
    """Kills the children and removes their folders when the process that started it is gone."""

    def __init__(self, base):
        self.base, self.known, self.sink = base, set(), None
        self.start()

    def start(self):
        """Returns when the reaper has left the group: what kills the group then spares it."""
        source, sink = os.pipe()
        departure, departed = os.pipe()
        pid = os.fork()
        if pid:
            os.close(source)
            os.close(departed)
            os.read(departure, 1)  # Nothing comes of a reaper that is dead.
            os.close(departure)
            self.sink = sink
            return
        try:
            os.setsid()
            os.write(departed, b".")
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
    """The processes of its session; none if the system does not say."""
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
