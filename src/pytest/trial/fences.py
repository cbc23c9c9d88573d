"""Lets the guard see what Python itself raises no event for, or one that does not say where.

A fence is a function in the place of another one; it tells the hook first. Modules that are not
imported yet get theirs when they are. Code that looks for what is behind a fence finds it.
"""
import os
import sys

CREATES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SQLITE_OK, SQLITE_DENY, SQLITE_ATTACH = 0, 1, 24


def build(hook):
    fences = fences_of(hook)
    for name, fence in fences.items():
        if name in sys.modules:
            fence(sys.modules[name])
    sys.meta_path.insert(0, Finder(fences))


def put(module, function, announce):
    """Puts a fence before `function`: `announce` takes its arguments, and may refuse."""
    original = getattr(module, function, None)
    if original is None:
        return

    def fenced(*args, **kwargs):
        announce(*args, **kwargs)
        return original(*args, **kwargs)

    fenced.__name__ = fenced.__qualname__ = function
    setattr(module, function, fenced)


def fences_of(hook):
    def always(*functions):
        def fence(module):
            for function in functions:
                event = "%s.%s" % (module.__name__, function)
                put(module, function, lambda *args, event=event, **kwargs: hook(event, args))

        return fence

    def files(function, flag=None):
        """Functions whose last argument of those that matter is a file that they write."""

        def fence(module):
            def announce(*args, **kwargs):
                if flag is None or (list(args[1:2]) or [kwargs.get("flag") or "r"])[0] != "r":
                    hook("%s.%s" % (module.__name__, function), (args[0],))

            put(module, function, announce)

        return fence

    def shared_memory(module):
        def announce(path="", flags=0, *args, **kwargs):
            if flags & CREATES:
                hook("_posixshmem.shm_open", (path,))

        put(module, "shm_open", announce)
        always("shm_unlink")(module)

    def history(module):
        def whole(filename=None):
            hook("readline.write_history_file", (filename or home(),))

        def more(nelements=0, filename=None):
            hook("readline.append_history_file", (filename or home(),))

        put(module, "write_history_file", whole)
        put(module, "append_history_file", more)

    def home():
        return os.path.expanduser("~/.history")

    def signals(module):
        def announce(pidfd=-1, signalnum=0, *args):
            if signalnum != 0:
                hook("signal.pidfd_send_signal", (pidfd, signalnum))

        put(module, "pidfd_send_signal", announce)

    def sockets(module):
        listen = module.socket.listen

        def fenced(self, *args):
            hook("socket.listen", ())
            return listen(self, *args)

        module.socket.listen = fenced

    def keys(module):
        behind = module._SSLContext.keylog_filename

        def change(self, path):
            if path is not None:
                hook("ssl.keylog_filename", (path,))
            behind.__set__(self, path)

        module.SSLContext.keylog_filename = property(behind.__get__, change)

    return {
        "_dbm": files("open", "flag"),
        "_gdbm": files("open", "flag"),
        "_multiprocessing": always("sem_unlink"),
        "_posixshmem": shared_memory,
        "_posixsubprocess": always("fork_exec"),
        "_signal": signals,
        "_sqlite3": lambda module: databases(module, hook),
        "_tkinter": always("create"),
        "posix": lambda module: system(module, hook),
        "readline": history,
        "signal": signals,
        "socket": sockets,
        "ssl": keys,
        "syslog": always("syslog"),
        "time": always("clock_settime", "clock_settime_ns"),
    }


def system(posix, hook, open_file=os.open):
    def open_at(path, flags, mode=0o777, *, dir_fd=None):
        if dir_fd is not None and flags & CREATES:
            hook("os.open", (path, dir_fd))
        return open_file(path, flags, mode, dir_fd=dir_fd)

    def announced(event, function):
        def make(path, *args, dir_fd=None, **kwargs):
            hook(event, (path, -1 if dir_fd is None else dir_fd))
            return function(path, *args, dir_fd=dir_fd, **kwargs)

        return make

    fenced = {"open": open_at}
    for name in ("mkfifo", "mknod"):
        if hasattr(os, name):
            fenced[name] = announced("os." + name, getattr(os, name))
    for name, function in fenced.items():
        setattr(os, name, function)
        setattr(posix, name, function)
        os.supports_dir_fd.add(function)
    for name in ("sched_setaffinity", "sched_setparam", "sched_setscheduler", "setpriority"):
        event = "os." + name
        put(posix, name, lambda *args, event=event, **kwargs: hook(event, args or (-1, -1)))
        if hasattr(posix, name):
            setattr(os, name, getattr(posix, name))


def databases(module, hook):
    """SQLite opens more files than the one that it connects to: `ATTACH`, `VACUUM INTO`."""
    Connection, connect = module.Connection, module.connect

    class Guarded(Connection):
        def __init__(self, database, *args, **kwargs):
            is_uri = bool(kwargs.get("uri", args[6] if len(args) > 6 else False))
            hook("sqlite3.attach", (database, is_uri))
            super().__init__(database, *args, **kwargs)

            def authorize(action, name, *args):
                if action == SQLITE_ATTACH:
                    try:
                        hook("sqlite3.attach", ("/" if name is None else name, is_uri))
                    except PermissionError:
                        return SQLITE_DENY
                return SQLITE_OK

            self._authorize = authorize
            super().set_authorizer(authorize)

        def set_authorizer(self, authorizer_callback):
            own, callback = self._authorize, authorizer_callback

            def both(*args):
                return own(*args) or (SQLITE_OK if callback is None else callback(*args))

            return super().set_authorizer(both)

        def enable_load_extension(self, enabled):
            if enabled:
                hook("sqlite3.enable_load_extension", ("",))

    def guarded(*args, **kwargs):
        if len(args) < 6:
            kwargs.setdefault("factory", Guarded)
        return connect(*args, **kwargs)

    Guarded.__name__ = Guarded.__qualname__ = "Connection"
    Guarded.__module__ = "sqlite3"
    guarded.__name__ = guarded.__qualname__ = "connect"
    module.Connection, module.connect = Guarded, guarded


class Finder:
    """Finds the modules that get a fence, by the finders behind it."""

    def __init__(self, fences):
        self.fences = fences

    def find_spec(self, name, path=None, target=None):
        fence = self.fences.get(name)
        if fence is None:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = Loader(spec.loader, fence)
                return spec
        return None

    def invalidate_caches(self):
        pass


class Loader:
    def __init__(self, loader, fence):
        self.loader, self.fence = loader, fence

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        try:
            self.fence(module)
        except AttributeError:
            pass  # A module of the project has this name, or the system lacks the function.
