"""The Python stacks of a process, which are written when the agent asks for them by a signal."""
import faulthandler
import sys

DUMP_SIGNAL = 16 if sys.platform == "linux" else 29  # SIGSTKFLT, SIGINFO


def dump_when_asked(file):
    faulthandler.register(DUMP_SIGNAL, file=file, all_threads=True, chain=False)
