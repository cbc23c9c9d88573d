"""The project's files that a process of pytest loaded, and the test files that this is all of."""
import os
import sys

CHUNK = 1000
# Options that leave out tests of a file; such a process does not show all that the file loads.
SELECTING = ("-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise", "--deselect")
FORKING = tuple("multiprocessing.popen_" + way for way in ("fork", "spawn_posix", "forkserver"))


class Loaded:
    """Looks at `sys.modules` between test files: tests take modules out again."""

    def __init__(self):
        self.root = os.path.join(os.path.realpath(os.getcwd()), "")
        self.roots = tuple({self.root, os.path.join(os.getcwd(), "")})
        self.count, self.names, self.files = 0, set(), set()
        self.forked, self.places, self.doubtful = False, {}, set()
        self.library, self.bases = os.path.dirname(os.__file__), {}
        self.watch()

    def watch(self):
        """Files that are run without a place in `sys.modules` pass through these functions."""
        import importlib.util
        import runpy

        note, fork = self.note, self.fork
        follow(importlib.util, "module_from_spec", lambda args, _: note(args[0].origin))
        follow(runpy, "_get_code_from_file", lambda args, _: note(args[-1]))
        follow(runpy, "_get_module_details", lambda _, found: note(found[1].origin))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=fork)

    def fork(self):
        self.forked = True

    def note(self, file):
        file = os.fspath(file)
        if file.endswith(".py") and (file.startswith(self.roots) or not os.path.isabs(file)):
            file = os.path.realpath(file)
            if file.startswith(self.root) and "/site-packages/" not in file:
                self.files.add(file)

    def look(self):
        """Notes the modules that are new."""
        modules = dict(sys.modules)
        self.count = len(modules)
        for name in modules.keys() - self.names:
            file = file_of(modules[name])
            if file is not None:
                self.note(file)
                self.note_original(name, file)
        self.names.update(modules)

    def look_again(self):
        """In a forked process: to look costs a copy of each page that holds a module."""
        if len(sys.modules) != self.count:
            self.look()

    def note_original(self, name, file):
        """An installed copy of a module stands for the project's own file of its name."""
        is_installed = "/site-packages/" in file or "/dist-packages/" in file
        if not is_installed and file.startswith(self.roots + (self.library,)):
            return
        top = name.partition(".")[0]
        if top not in self.bases:
            self.bases[top] = next(filter(holds(top), (self.root, self.root + "src/")), None)
        base, end = self.bases[top], "/__init__.py" if file.endswith("/__init__.py") else ".py"
        if base is not None:
            path = base + name.replace(".", "/") + end
            if os.path.isfile(path):
                self.files.add(os.path.realpath(path))

    def add(self, files, forked):
        """What a worker loaded."""
        self.files.update(files)
        self.forked = self.forked or forked

    def is_forked(self):
        return self.forked or any(name in sys.modules for name in FORKING)

    def failed(self, nodeid):
        """A test that failed may not have come to all of its imports."""
        self.doubtful.add(nodeid.split("::")[0])

    def settled(self, session):
        """The test files of which all that they load is known."""
        command, pytest = session.command, session.session
        if pytest is None or session.reason is not None or pytest.shouldfail or self.is_forked():
            return []
        given = [str(arg) for arg in pytest.config.invocation_params.args]
        selects = any("::" in arg or arg.startswith(SELECTING) for arg in given)
        if selects or command.get("only") is not None or command.get("skip"):
            return []
        names = ((file, nodeid.split("::")[0]) for file, nodeid in self.places.items())
        root = str(pytest.config.rootpath)
        files = (os.path.join(root, file) for file, name in names if name not in self.doubtful)
        return sorted({os.path.realpath(file) for file in files})

    def plugins(self, session):
        """pytest takes a conftest out of `sys.modules` before it imports another one."""
        if session is not None:
            for plugin in session.config.pluginmanager.get_plugins():
                self.note(file_of(plugin) or "")

    def tell(self, session):
        self.look()
        self.plugins(session.session)
        tests, files = self.settled(session), sorted(self.files)
        for first in range(0, max(len(files), len(tests)), CHUNK):
            part = slice(first, first + CHUNK)
            session.send("loaded", tests=tests[part], files=files[part])


def holds(name):
    """Whether a folder has a package or a module of this name."""

    def has(folder):
        path = folder + name
        return os.path.isfile(path + "/__init__.py") or os.path.isfile(path + ".py")

    return has


def file_of(module):
    """The file of a module; a lazy one is left as it is, and others are not asked by its name."""
    try:
        if type(module).__name__ == "_LazyModule":
            return None
        file = object.__getattribute__(module, "__dict__").get("__file__")
        return file if isinstance(file, str) else None
    except Exception:
        return None


def follow(owner, name, note):
    """Notes each call of a function that has returned: nothing of ours is in a traceback."""
    original = getattr(owner, name, None)
    if original is None:
        return

    def follower(*args, **kwargs):
        found = original(*args, **kwargs)
        try:
            note(args, found)
        except Exception:
            pass  # Whatever it was, it was no file.
        return found

    follower.__name__, follower.__qualname__ = name, name
    follower.__doc__, follower.__module__ = original.__doc__, original.__module__
    setattr(owner, name, follower)
