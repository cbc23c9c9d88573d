"""The process of one module: prepares it, tries the module, and reports."""
import faulthandler
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tempfile

from ..shared.arguments import show_arguments
from ..shared.descriptors import private
from ..shared.stacks import dump_when_asked
from ..shared.text import clean
from .examination import Examination
from .guard import fence, make_guard
from .reaper import close_all_but
from .tracebacks import name_of_error, of_error
from .verdicts import EX_CHANNEL_LOST, failure

MOST_FILE = 256 << 20  # Bytes of one file in the scratch folder.


def try_module(command, module, scratch, word, output, faults, notes):
    """Runs in the child, and does not return. `word` tells its report from what a module makes up."""
    write, leave = os.write, os._exit
    file = os.path.join(os.getcwd(), module["file"])
    prepare(command, file, scratch, output)
    faults, notes = private(faults), private(notes)
    close_all_but(faults, notes)
    faulthandler.enable(file=faults)
    dump_when_asked(faults)
    hook, touched, end_notes = make_guard(os.fsencode(scratch), notes)
    fence(hook)
    make_room(module["module"], file)
    sys.addaudithook(hook)
    try:
        report = Examination(module["module"], file, scratch).report()
    except BaseException as error:
        report = failure("its trial ended early: %s" % name_of_error(error), of_error(error))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    end_notes()
    report["touched"] = [[event, target, times] for (event, target), times in touched.items()]
    data = b"R" + word + json.dumps(clean(report)).encode("ascii") + b"\n"
    try:
        while data:
            data = data[write(notes, data) :]
    except OSError:
        leave(EX_CHANNEL_LOST)
    leave(0)


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
