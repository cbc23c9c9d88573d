"""The limits of a module that is tried.

An audit hook (PEP 578) refuses writes outside of the scratch folder, process starts, the network
and signals to others, and records what was refused, whether or not the module looks away. It is a
guard rail and no sandbox: native code, `ctypes` among it, goes around it. Containers are the wall.

Everything that the hook needs is bound in `make_guard`: a module may replace what it finds in
`os`, `os.path` and `builtins`, or empty the namespace of this module.
"""
import errno
import fcntl
import os
import sys

WRITING = "a trial may not write outside of its scratch folder"
STARTING = "a trial may not start processes"
TALKING = "a trial may not use the network"
SIGNALLING = "a trial may not signal other processes"

# The paths that an event writes to: the position of the path, the position of its folder's
# descriptor (None: it has none), and True if a link at its end is followed.
WRITES = {
    "os.chflags": ((0, None, True),),
    "os.lchflags": ((0, None, False),),
    "os.chmod": ((0, 2, True),),
    "os.chown": ((0, 3, True),),
    "os.lchown": ((0, None, False),),
    "os.link": ((0, 2, False), (1, 3, False)),
    "os.mkdir": ((0, 2, False),),
    "os.mkfifo": ((0, 1, False),),
    "os.mknod": ((0, 1, False),),
    "os.open": ((0, 1, True),),
    "os.remove": ((0, 1, False),),
    "os.removexattr": ((0, None, True),),
    "os.rename": ((0, 2, False), (1, 3, False)),
    "os.rmdir": ((0, 1, False),),
    "os.setxattr": ((0, None, True),),
    "os.symlink": ((1, 2, False),),
    "os.truncate": ((0, None, True),),
    "os.utime": ((0, 3, True),),
    "shutil.chown": ((0, None, True),),
    "shutil.copyfile": ((1, None, True),),
    "shutil.copymode": ((1, None, True),),
    "shutil.copystat": ((1, None, True),),
    "shutil.copytree": ((1, None, True),),
    "shutil.make_archive": ((0, None, True),),
    "shutil.move": ((0, None, False), (1, None, True)),
    "shutil.rmtree": ((0, 1, False),),
    "shutil.unpack_archive": ((1, None, True),),
}
STARTS = (
    "os.exec os.fork os.fork1 os.forkpty os.posix_spawn os.spawn os.startfile os.startfile/2 "
    "os.system pty.spawn subprocess.Popen _posixsubprocess.fork_exec"
).split()
NETWORK = (
    "socket.bind socket.connect socket.getaddrinfo socket.gethostbyaddr socket.gethostbyname "
    "socket.getnameinfo socket.sendmsg socket.sendto socket.sethostname"
).split()
DEVICES = [b"/dev/null", b"/dev/zero", b"/dev/full", b"/dev/stdout", b"/dev/stderr"]
MOST_TOUCHES = 100
MOST_NOTES = 1000


def make_guard(
    scratch,
    notes,
    # Bound here, because a module may replace or delete them where they are found.
    Exception=Exception, OSError=OSError, PermissionError=PermissionError, ValueError=ValueError,
    bytes=bytes, int=int, isinstance=isinstance, len=len, list=list, repr=repr, str=str, tuple=tuple,
    fcntl=fcntl.fcntl, fspath=os.fspath, getcwd=os.getcwdb, getpgrp=os.getpgrp, getpid=os.getpid,
    lstat=os.lstat, readlink=os.readlink, write=os.write,
    EPERM=errno.EPERM, MOST_NOTES=MOST_NOTES, MOST_TOUCHES=MOST_TOUCHES,
    STARTING=STARTING, TALKING=TALKING, SIGNALLING=SIGNALLING, WRITING=WRITING,
    on_linux=sys.platform == "linux",
    opened_to_write=os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND,
    devices=frozenset(DEVICES), network=frozenset(NETWORK), starts=frozenset(STARTS), writes=dict(WRITES),
):  # fmt: skip
    """The hook, what it recorded - (event, target): times -, and a function that ends its notes."""
    touched, state = {}, {"notes": 0}
    below = scratch + b"/"

    def refuse(why, event, target):
        target = shown(target)
        key = event, target
        if key in touched:
            touched[key] += 1
        elif len(touched) < MOST_TOUCHES:
            touched[key] = 1
        if state["notes"] < MOST_NOTES:
            state["notes"] += 1
            line = ("T%s\0%s\n" % (event, target)).encode("utf-8", "backslashreplace")
            try:
                write(notes, line)
            except OSError:
                pass  # The module closed it.
        raise PermissionError(EPERM, "%s (%s)" % (why, event), target)

    def shown(target):
        try:
            if isinstance(target, bytes):
                target = target.decode("utf-8", "backslashreplace")
            elif isinstance(target, tuple) and len(target) in (2, 4) and isinstance(target[1], int):
                target = "%s:%s" % target[:2]
            elif isinstance(target, (list, tuple)):
                target = " ".join([shown(part) for part in target[:20]])
            text = target if isinstance(target, str) else repr(target)
            text = "".join([text[:199], "\u2026" if len(text) > 199 else ""])
            return "".join([c if c >= " " else repr(c)[1:-1] for c in text])
        except Exception:
            return "?"

    def of_descriptor(fd):
        """The path of an open file; None for what has none."""
        try:
            if on_linux:
                path = readlink(b"/proc/self/fd/%d" % fd)
            else:
                path = fcntl(fd, 50, b"\0" * 1024).rstrip(b"\0")  # F_GETPATH
        except (OSError, ValueError):
            return None
        return path if path.startswith(b"/") else None

    def resolve(path, follow):
        """The place that `path` leads to in the end; None for a loop of links."""
        if not path.startswith(b"/"):
            path = getcwd() + b"/" + path
        todo, done, links = path.split(b"/")[::-1], [], 0
        while todo:
            part = todo.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                del done[-1:]
                continue
            target = None
            if todo or follow:
                try:
                    target = readlink(b"/" + b"/".join(done + [part]))
                except (OSError, ValueError):
                    pass
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > 40:
                return None
            if target.startswith(b"/"):
                done = []
            todo.extend(target.split(b"/")[::-1])
        return b"/" + b"/".join(done)

    def place_of(path, folder, follow):
        """The real path; an empty one for what is no file."""
        if isinstance(path, int):
            return of_descriptor(path) or b""
        if not isinstance(path, (str, bytes)):
            path = fspath(path)
        if isinstance(path, str):
            path = str.encode(path, "utf-8", "surrogateescape")
        path = b"".join([path, b""])
        if path in devices:
            return b""
        if folder >= 0 and not path.startswith(b"/"):
            path = b"".join([of_descriptor(folder) or b"/", b"/", path])
        return resolve(path, follow)

    def check_write(event, path, folder, follow):
        try:
            place = place_of(path, folder, follow)
            if place is not None:
                if not place or place == scratch or place.startswith(below) or place in devices:
                    return
                # A folder that is there is not made again; a path that is not there cannot be
                # removed.
                if event in ("os.mkdir", "os.remove", "os.rmdir") and there(place) is (event == "os.mkdir"):
                    return
        except Exception:
            pass  # A path that cannot be understood is not allowed.
        refuse(WRITING, event, path)

    def there(place):
        try:
            lstat(place)
            return True
        except OSError:
            return False

    def check_database(name):
        if isinstance(name, bytes):
            name = name.decode("utf-8", "surrogateescape")
        if isinstance(name, str):
            file, _, query = name.partition("?")
            if name in ("", ":memory:", "file::memory:") or "mode=memory" in query:
                return
            if file.startswith("file:"):
                if "mode=ro" in query or file == "file::memory:":
                    return
                name = file[5:]
        check_write("sqlite3.connect", name, -1, True)

    def hook(event, args):
        if event == "open":
            if isinstance(args[2], int) and args[2] & opened_to_write and not isinstance(args[0], int):
                check_write(event, args[0], -1, True)
        elif event in writes:
            for position, folder, follow in writes[event]:
                if len(args) > position:
                    at = args[folder] if folder is not None and len(args) > folder else -1
                    check_write(event, args[position], at if isinstance(at, int) else -1, follow)
        elif event in starts:
            command = args[1] if event == "subprocess.Popen" and len(args) > 1 else args[0] if args else ""
            refuse(STARTING, event, command)
        elif event in network:
            of_socket = event in ("socket.bind", "socket.connect", "socket.sendmsg", "socket.sendto")
            address = args[1] if of_socket and len(args) > 1 else args[0] if args else ""
            if address is not None or event != "socket.sendmsg":
                refuse(TALKING, event, address)
        elif event == "os.kill":
            if args[1] != 0 and args[0] not in (0, getpid(), -getpgrp()):
                refuse(SIGNALLING, event, "process %d" % args[0])
        elif event == "os.killpg":
            if args[1] != 0 and args[0] not in (0, getpgrp()):
                refuse(SIGNALLING, event, "group %d" % args[0])
        elif event == "sqlite3.connect" and args:
            check_database(args[0])

    def end_notes():
        state["notes"] = MOST_NOTES

    return hook, touched, end_notes


def fence(hook, opened_to_write=os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
    """Lets the hook see what Python itself raises no event for, or one that does not say where."""
    import _posixsubprocess
    import posix

    fork_exec, open_file = _posixsubprocess.fork_exec, os.open

    def start(*args):
        hook("_posixsubprocess.fork_exec", args)
        return fork_exec(*args)

    def open_at(path, flags, mode=0o777, *, dir_fd=None):
        if dir_fd is not None and flags & opened_to_write:
            hook("os.open", (path, dir_fd))
        return open_file(path, flags, mode, dir_fd=dir_fd)

    def announced(event, function):
        def make(path, *args, dir_fd=None, **kwargs):
            hook(event, (path, -1 if dir_fd is None else dir_fd))
            return function(path, *args, dir_fd=dir_fd, **kwargs)

        return make

    _posixsubprocess.fork_exec = start
    fenced = {"open": open_at}
    for name in ("mkfifo", "mknod"):
        if hasattr(os, name):
            fenced[name] = announced("os." + name, getattr(os, name))
    for name, function in fenced.items():
        setattr(os, name, function)
        setattr(posix, name, function)
        os.supports_dir_fd.add(function)
