"""The limits of a module that is tried.

An audit hook (PEP 578) refuses writes outside of the scratch folder, process starts, the network
and signals to others, and records what was refused, whether or not the module looks away. `fences`
shows it what Python raises no event for. It is a guard rail and no sandbox: native code goes around
it, and meets the kernel (`wall`) or the container. So the hook also records that the code of the
project used means by which it can do what nobody sees: `ctypes`, cffi, an extension of its own.

Everything that the hook needs is bound in `make_guard`: a module may replace what it finds in
`os`, `os.path` and `builtins`, or empty the namespace of this module.
"""
import errno
import fcntl
import os
import sys

from .events import (
    CHANGES, DEVICES, MOST_NOTES, MOST_TOUCHES, NATIVE, NETWORK, SET_OWNER, STARTS, TERMINAL, UNSEEN, WRITES,
)  # fmt: skip

WRITING = "a trial may not write outside of its scratch folder"
STARTING = "a trial may not start processes"
TALKING = "a trial may not use the network"
SIGNALLING = "a trial may not signal other processes"
CHANGING = "a trial may not change the system"

def make_guard(
    scratch,
    notes,
    own=lambda path: False,
    # Bound here, because a module may replace or delete them where they are found.
    Exception=Exception, OSError=OSError, PermissionError=PermissionError, ValueError=ValueError,
    all=all, bytes=bytes, int=int, isinstance=isinstance, len=len, list=list, repr=repr, str=str, tuple=tuple,
    fcntl=fcntl.fcntl, frame=sys._getframe, fspath=os.fspath, getcwd=os.getcwdb, getpgrp=os.getpgrp,
    getpid=os.getpid, lstat=os.lstat, readlink=os.readlink, write=os.write,
    EPERM=errno.EPERM, MOST_NOTES=MOST_NOTES, MOST_TOUCHES=MOST_TOUCHES,
    CHANGING=CHANGING, STARTING=STARTING, TALKING=TALKING, SIGNALLING=SIGNALLING, WRITING=WRITING,
    on_linux=sys.platform == "linux",
    opened_to_write=os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND,
    devices=frozenset(DEVICES), native=frozenset(NATIVE), set_owner=frozenset(SET_OWNER),
    terminal=frozenset(TERMINAL), writes=dict(WRITES),
):  # fmt: skip
    """The hook, what it recorded - (event, target, refused): times -, and the end of its notes.

    `own` tells the files of the project from those of libraries.
    """
    touched, state = {}, {"notes": 0}
    below = scratch + b"/"

    def note(event, target, refused):
        key = event, target, refused
        if key in touched:
            touched[key] += 1
        elif len(touched) < MOST_TOUCHES:
            touched[key] = 1
        if state["notes"] < MOST_NOTES:
            state["notes"] += 1
            line = ("%s%s\0%s\n" % ("T" if refused else "U", event, target)).encode("utf-8", "backslashreplace")
            try:
                write(notes, line)
            except OSError:
                pass  # The module closed it.

    def refuse(why, event, target):
        target = shown(target)
        note(event, target, True)
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

    def check_database(name, is_uri=None):
        """`is_uri` is None if it is not known whether the name is taken as a URI."""
        if isinstance(name, bytes):
            name = name.decode("utf-8", "surrogateescape")
        if name in ("", ":memory:"):
            return
        if isinstance(name, str) and name.startswith("file:") and is_uri is not False:
            file, _, query = name[5:].partition("?")
            words = query.partition("#")[0].split("&")
            modes = [word[5:] for word in words if word.startswith("mode=")]
            is_plain = not file.startswith("//") and "%" not in name
            if is_plain and (file == ":memory:" or "memory" in modes or "ro" in modes):
                if all([mode in ("memory", "ro") for mode in modes]):
                    return
            name = file.partition("#")[0] if is_plain else "/"
        check_write("sqlite3.connect", name, -1, True)

    def used(event, args):
        """Records means by which the code of the project can do what is not seen."""
        at = frame(1)
        while at is not None:
            file = at.f_code.co_filename
            if not file.startswith("<frozen importlib") and not is_machinery(file):
                break
            at = at.f_back
        if at is not None and own(at.f_code.co_filename):
            target = args[-1] if args and isinstance(args[-1], (str, bytes)) else ""
            note(event, shown(target), False)

    def is_machinery(file):
        return "/ctypes/" in file or file.startswith("<_menace.") or file.endswith("/importlib/__init__.py")

    def on_open(event, args):
        if isinstance(args[2], int) and args[2] & opened_to_write and not isinstance(args[0], int):
            check_write(event, args[0], -1, True)

    def on_write(event, args):
        for position, folder, follow in writes[event]:
            if len(args) > position:
                at = args[folder] if folder is not None and len(args) > folder else -1
                check_write(event, args[position], at if isinstance(at, int) else -1, follow)

    def on_start(event, args):
        command = args[1] if event == "subprocess.Popen" and len(args) > 1 else args[0] if args else ""
        refuse(STARTING, event, command)

    def on_network(event, args):
        of_socket = event in ("socket.bind", "socket.connect", "socket.sendmsg", "socket.sendto")
        address = args[1] if of_socket and len(args) > 1 else args[0] if args else ""
        if address is not None or event != "socket.sendmsg":
            refuse(TALKING, event, address)

    def on_signal(event, args):
        if event == "os.kill":
            if args[1] != 0 and args[0] not in (0, getpid(), -getpgrp()):
                refuse(SIGNALLING, event, "process %d" % args[0])
        elif event == "os.killpg":
            if args[1] != 0 and args[0] not in (0, getpgrp()):
                refuse(SIGNALLING, event, "group %d" % args[0])
        elif event == "fcntl.fcntl":
            if args[1] in set_owner and args[2] not in (0, getpid(), -getpgrp()):
                refuse(SIGNALLING, event, "fcntl %d" % args[1])
        else:
            refuse(SIGNALLING, event, "")

    def on_change(event, args):
        if event == "fcntl.ioctl":
            request = args[1] & 0xFFFFFFFF
            if not request & 0x40000000 and request not in terminal:
                return  # It only asks.
            refuse(CHANGING, event, "request %#x" % request)
        if event == "resource.prlimit" and (args[0] in (0, getpid()) or args[2] is None):
            return
        if event in ("os.sched_setaffinity", "os.sched_setparam", "os.sched_setscheduler"):
            if args[0] in (0, getpid()):
                return
        if event == "os.setpriority" and args[0] == 0 and args[1] in (0, getpid()):
            return
        refuse(CHANGING, event, args[0] if args else "")

    def on_import(event, args):
        if args[0] in native:
            used(event, args[:1])
        elif isinstance(args[1], str) and own(args[1]):  # An extension in C.
            note(event, shown(args[1]), False)

    def on_database(event, args):
        if event == "sqlite3.attach":
            check_database(*args)
        elif args:
            check_database(args[0])

    kinds = {"open": on_open, "import": on_import, "sqlite3.connect": on_database, "sqlite3.attach": on_database}
    kinds.update(dict.fromkeys(writes, on_write))
    kinds.update(dict.fromkeys(STARTS, on_start))
    kinds.update(dict.fromkeys(NETWORK, on_network))
    kinds.update(dict.fromkeys(CHANGES, on_change))
    kinds.update(dict.fromkeys(UNSEEN, used))
    kinds.update(dict.fromkeys(("os.kill", "os.killpg", "signal.pidfd_send_signal", "fcntl.fcntl"), on_signal))
    kind_of = kinds.get

    def hook(event, args):
        react = kind_of(event)
        if react is not None:
            react(event, args)

    def end_notes():
        state["notes"] = MOST_NOTES

    return hook, touched, note, end_notes
