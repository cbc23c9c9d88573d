"""The interpreter: what it is, what it can import, and what a test sees of how it was started."""
import faulthandler
import os
import sys

from ..shared.arguments import show_arguments
from ..shared.descriptors import private
from ..shared.stacks import dump_when_asked
from ..shared.text import clean, text_of


def facts():
    names = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
    return {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "implementation": names.get(sys.implementation.name, sys.implementation.name),
        "executable": clean(sys.executable),
        "pytest": version_of("pytest", "pytest"),
        "coverage": version_of("coverage", "coverage"),
        "xdist": version_of("xdist", "pytest-xdist"),
    }


def greet(channel):
    """The first words to the agent; returns whether there is a pytest to run."""
    watch_for_hangs(channel.stderr)
    found = facts()
    channel.send("hello", pid=channel.pid, **found)
    return found["pytest"] is not None


def version_of(module, distribution):
    import importlib.metadata
    import importlib.util

    try:
        if importlib.util.find_spec(module) is None:
            return None
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return text_of(getattr(__import__(module), "__version__", "unknown"))
    except Exception:
        return None


def pose_as_pytest(argv):
    """Lets a test see the command line that the `pytest` script would show."""
    folder = os.path.dirname(sys.executable)
    script = os.path.join(folder, "pytest")
    show_arguments([script] + argv)
    if sys.path and sys.path[0] == "":
        sys.path[0] = folder
    if os.path.isfile(script):
        sys.modules["__main__"].__file__ = script


def watch_for_hangs(stderr):
    dump_when_asked(stderr)
    if not faulthandler.is_enabled():
        faulthandler.enable(file=stderr)


def write_stacks_to(path):
    """In a forked process, so that its stacks do not mix with those of others."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    own = private(fd)
    os.close(fd)
    dump_when_asked(own)
    faulthandler.enable(file=own)
