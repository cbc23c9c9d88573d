"""The process of one module: prepares it, tries the module, and reports."""
import _thread
import faulthandler
import importlib.machinery
import json
import os
import re
import resource
import signal
import sys
import tempfile

from ..shared.arguments import show_arguments
from ..shared.descriptors import private
from ..shared.stacks import dump_when_asked
from ..shared.text import clean
from .examination import Examination
from .fences import build
from .guard import make_guard
from .reaper import close_all_but
from .tracebacks import name_of_error, of_error
from .verdicts import EX_CHANNEL_LOST, failure

THREADS_GRACE = 1.0
MOST_FILE = 256 << 20  # Bytes of one file in the scratch folder.
NATIVE = re.compile(rb"\b_?c(types|ffi)\b|_cffi_backend")


def try_module(command, module, scratch, word, confine, output, faults, notes):
    """Runs in the child, and does not return. `word` tells its report from what a module makes up."""
    write, leave = os.write, os._exit
    file = os.path.join(os.getcwd(), module["file"])
    prepare(command, file, scratch, output)
    faults, notes = private(faults), private(notes)
    close_all_but(faults, notes)
    faulthandler.enable(file=faults)
    dump_when_asked(faults)
    if confine is not None:
        confine(scratch)
    own = files_of_project(os.getcwd())
    hook, touched, note, end_notes = make_guard(os.fsencode(scratch), notes, own)
    build(hook)
    make_room(module["module"], file)
    encode = json.JSONEncoder().encode

    def say(kind, value):
        data = kind + word + encode(clean(value)).encode("ascii") + b"\n"
        try:
            while data:
                data = data[write(notes, data) :]
        except OSError:
            leave(EX_CHANNEL_LOST)

    sys.addaudithook(hook)
    examination = Examination(module["module"], file, scratch, lambda test: say(b"N", test))
    try:
        report = examination.report()
    except BaseException as error:
        report = failure("its trial ended early: %s" % name_of_error(error), of_error(error))
    try:
        watch_its_end(module["module"], file, own, note)
    except BaseException as error:
        print("trial: at its end: %s" % name_of_error(error))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    end_notes()
    report["touched"] = [[*key, times] for key, times in touched.items()]
    say(b"R", report)
    leave(0)


def watch_its_end(name, file, own, note):
    """Lets happen what the module left for later, while it is still seen.

    The order is the interpreter's: threads that are no daemons, what `atexit` knows, and the end of
    the objects that the project made. What would go on after that is only noted.
    """
    import atexit
    import gc

    if any(signal.getitimer(timer)[0] for timer in (0, 1, 2)):
        note("timer", "it leaves a timer that is set", False)
    threading = sys.modules.get("threading")
    if threading is not None:
        wait_for_threads(threading)
    try:
        atexit._run_exitfuncs()
    except BaseException:
        pass  # Before Python 3.10 the last of them is raised again.
    if "ctypes" in sys.modules and NATIVE.search(text_of(file)):
        note("import", "ctypes", False)
    let_go(name, own, lambda value: hasattr(type(value), "__del__"))
    let_go(name, own, lambda value: type(value) in (list, dict, set, tuple))
    gc.collect()
    if _thread._count():
        note("thread", "it leaves a thread at work", False)


def wait_for_threads(threading):
    """Until they end, or for a moment: this process ends without them."""

    def give_up(number, frame):
        raise Late

    signal.signal(signal.SIGALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, THREADS_GRACE)
        threading._shutdown()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Late:
        pass


class Late(BaseException):
    """Threads that are no daemons go on."""


def let_go(name, own, is_meant):
    """Ends objects of the project's modules; what they need for that stays."""
    for other, module in list(sys.modules.items()):
        names = getattr(module, "__dict__", {})
        place = names.get("__file__")
        if other == name or (type(place) is str and own(place)):
            for key in [key for key, value in names.items() if is_meant(value)]:
                if not key.startswith("__"):
                    del names[key]


def text_of(file):
    try:
        with open(file, "rb") as source:
            return source.read()
    except OSError:
        return b""


def files_of_project(project):
    """Tells the files of the project from those of libraries; what is no file is the project's."""
    folders = [os.path.dirname(os.__file__)] + [path for path in sys.path if path.endswith("-packages")]
    libraries = tuple(folder + "/" for folder in folders if folder)

    def own(path):
        if path.startswith("/"):
            return path.startswith(project + "/") and not path.startswith(libraries)
        return not path.startswith("<frozen ")

    return own


def prepare(command, file, scratch, output):
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout.reconfigure(line_buffering=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    most = MOST_FILE if most == resource.RLIM_INFINITY else min(most, MOST_FILE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        # If memory runs out, the module goes first.
        with open("/proc/self/oom_score_adj", "w") as adjustment:
            adjustment.write("1000")
    except OSError:
        pass
    tempfile.tempdir = None
    for name in ("TMPDIR", "TMP", "TEMP", "HOME"):
        os.environ[name] = scratch
    for name in list(os.environ):
        if name.startswith(("XDG_", "PYTEST_")):
            del os.environ[name]
    sys.dont_write_bytecode = True
    roots = [os.path.join(os.getcwd(), root) for root in command.get("roots") or ["."]]
    sys.path[:0] = [os.path.normpath(root) for root in roots]
    show_arguments([file])


def make_room(name, file):
    """Forgets a module of the library that this program imported under the name of this one."""
    first = name.partition(".")[0]
    known = sys.modules.get(first)
    if known is None or first == "os" or first in sys.builtin_module_names:
        return
    spec = importlib.machinery.PathFinder.find_spec(first, sys.path)
    if spec is not None and spec.origin != getattr(known, "__file__", None):
        for other in list(sys.modules):
            if other == first or other.startswith(first + "."):
                del sys.modules[other]
