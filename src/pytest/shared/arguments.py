"""The arguments of the interpreter, as the code of a project finds them: without a program of ours."""
import os
import sys


def show_arguments(argv):
    """`argv` begins with the script that would have been started."""
    sys.argv[:] = argv
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = sys.orig_argv[:1] + argv
    show_as([sys.executable] + argv)


def show_as(words):
    """Overwrites the arguments in `/proc/self/cmdline`, by the rules of setproctitle(3).

    There, a last byte that is no NUL says that one text stands in the place of the arguments, and
    ends at the first NUL.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[45]), int(fields[46])
        title = os.fsencode(" ".join(words))[: end - start - 2]
        memory = os.open("/proc/self/mem", os.O_WRONLY)
        try:
            os.pwrite(memory, title.ljust(end - start - 1, b"\0") + b" ", start)
        finally:
            os.close(memory)
    except (OSError, ValueError, IndexError):
        pass  # It is no Linux, or one that does not allow it.
