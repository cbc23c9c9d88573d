"""The wall behind the guard: the kernel keeps native code from what the guard keeps Python from.

Linux has Landlock for that, without privileges: from 5.13 on for files, from 6.7 on for connections,
from 6.12 on for signals. Elsewhere, and in containers that refuse it, there is none.
"""
import os
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
NO_NEW_PRIVILEGES = 38
EXECUTE, WRITE_FILE, REFER, TRUNCATE = 1 << 0, 1 << 1, 1 << 13, 1 << 14
REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
TCP, SIGNALS_AND_SOCKETS = 3, 3
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
# Locks of `multiprocessing` are files here.
SHARED = ("/dev/shm",)


def find_wall():
    """A function that confines this process to a folder, for ever; None if the system has none."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes
        import struct

        call = ctypes.CDLL(None, use_errno=True).syscall
        version = call(CREATE_RULESET, None, 0, 1)
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        text = ctypes.c_char_p
    except Exception:
        return None
    finally:
        # A module that imports it is to be seen.
        for name in [name for name in sys.modules if name.partition(".")[0] in ("ctypes", "_ctypes")]:
            del sys.modules[name]
    if version < 1:
        return None
    on_files = WRITE_FILE | (TRUNCATE if version >= 3 else 0)
    below = on_files | REMOVE_AND_MAKE | (REFER if version >= 2 else 0)
    fields = [EXECUTE | below]
    fields += [TCP] if version >= 4 else []
    fields += [SIGNALS_AND_SOCKETS] if version >= 6 else []
    rules = struct.pack("%dQ" % len(fields), *fields)

    def confine(folder):
        ruleset = call(CREATE_RULESET, text(rules), len(rules), 0)
        if ruleset < 0:
            return
        try:
            allowed = [(folder, below)] + [(path, below) for path in SHARED] + [(path, on_files) for path in DEVICES]
            for path, access in allowed:
                try:
                    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
                except OSError:
                    continue
                call(ADD_RULE, ruleset, 1, text(struct.pack("=Qi", access, fd)), 0)
                os.close(fd)
            prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
            call(RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)

    return confine
