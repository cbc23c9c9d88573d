"""Whether the process that collected the tests can fork: what its imports left behind decides."""
import os
import socket
import sys
import threading

XDIST = b"PYTEST_XDIST_"
# What these do at pytest's start, a child can do without.
KNOWN = ("_pytest", "_menace", "_menace_harness", "xdist", "pytest_cov", "pytest_rerunfailures")


class Noting(dict):
    """The environment, which notes that a name of xdist's was looked for."""

    was_asked = False

    def __missing__(self, key):
        if isinstance(key, bytes) and key.startswith(XDIST):
            self.was_asked = True
        raise KeyError(key)


class Fitness:
    """Looks at the process before pytest collects, and after that."""

    def __init__(self, session, workers):
        self.session, self.workers, self.environment = session, workers, None
        self.before = special_files()

    def watch(self):
        """A file that asks at its import which worker it is in needs a process of its own there."""
        if self.workers > 1 and isinstance(getattr(os.environ, "_data", None), dict):
            self.environment = Noting(os.environ._data)
            replace_environment(self.environment)

    def asked_for_worker(self):
        if self.environment is None:
            return False
        replace_environment(dict(self.environment))
        return self.environment.was_asked

    def problem(self):
        """The reason why the tests cannot run in forks of this process; None if they can."""
        asked = self.asked_for_worker()
        alien, known = [], set()
        for thread in threading.enumerate():
            target = getattr(thread, "_target", None)
            if package_of(target) in KNOWN:
                known.update(sockets_of(target))
            elif thread is not threading.main_thread():
                alien.append(thread.name)
        if alien:
            return "the imports of the tests started a thread (%s)" % ", ".join(sorted(set(alien)))
        opened = {what for fd, link, what in special_files() - self.before if fd not in known}
        if opened:
            return "the imports of the tests opened %s" % min(opened)
        if asked:
            return "the tests ask for their xdist worker when they are imported"
        return self.problem_of_plugins()

    def problem_of_plugins(self):
        config = self.session.session.config
        manager = config.pluginmanager
        for name in map(name_of, manager.get_plugins()):
            if name == "pytest_dependency":
                return "pytest-dependency lets tests depend on those of other files"
        if manager.hasplugin("stepwiseplugin"):
            return "`--stepwise` needs the order of one process"
        hooks = ("pytest_runtestloop", "pytest_configure_node")
        for hook in hooks if self.workers > 1 else hooks[:1]:
            caller = getattr(manager.hook, hook, None)
            for found in caller.get_hookimpls() if caller is not None else ():
                name = name_of(found.plugin)
                is_wrapper = found.hookwrapper or getattr(found, "wrapper", False)
                if not is_wrapper and name.partition(".")[0] not in KNOWN:
                    return "`%s` has a `%s` of its own" % (name, hook)
        return None


def chose_otherwise(config):
    """True if the arguments ask for processes of another kind, or for a debugger in this one."""
    known = config.known_args_namespace
    names = ("usepdb", "trace", "tx", "forked")
    if getattr(known, "numprocesses", None) is not None or getattr(known, "dist", "no") != "no":
        return True
    return any(getattr(known, name, False) for name in names)


def refusal():
    """The reason why this system does not fork, if any."""
    if not hasattr(os, "fork"):
        return "this system cannot fork"
    if sys.platform == "darwin":
        return "libraries of macOS do not survive a fork"
    return None


def name_of(plugin):
    """The module of a plugin."""
    name = getattr(plugin, "__name__", None)
    return name if isinstance(name, str) else type(plugin).__module__


def package_of(function):
    return (getattr(function, "__module__", None) or "").partition(".")[0]


def sockets_of(method):
    """The descriptors of the sockets of an object, by one of its methods."""
    values = vars(getattr(method, "__self__", None) or threading).values()
    return {value.fileno() for value in values if isinstance(value, socket.socket)}


def special_files():
    """Sockets and event loops that are open, each with its descriptor: no two processes can use one."""
    found = set()
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return found
    for number in numbers:
        try:
            target = os.readlink("/proc/self/fd/" + number)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add((int(number), target, "a socket"))
        elif target == "anon_inode:[eventpoll]":
            found.add((int(number), target, "an event loop"))
    return found


def replace_environment(data):
    os.environ._data = data
    if hasattr(os, "environb"):
        os.environb._data = data
