"""Descriptors that the code of a project is kept away from."""
import fcntl
import os
import signal
import sys
import termios


def private(fd):
    """A copy of `fd` that no test is likely to meet and no child process inherits."""
    for lowest in (900, 200, 20, 3):
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
    raise OSError("cannot duplicate descriptor %d" % fd)


def leave_terminal():
    """A shell that a test starts would ask for the terminal, and be stopped: it is the agent's."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return  # There is none.
    try:
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
    except OSError:
        pass
    finally:
        os.close(terminal)


def take_terminal():
    """Gives the terminal to this process and its tests; returns whether there is one.

    The agent takes it back when the process has ended. Nothing wakes a process that the terminal
    stops here, so that it does not stop one.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        os.tcsetpgrp(terminal, os.getpgrp())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])
    for fd in (0, 1, 2):
        os.dup2(terminal, fd)
    os.close(terminal)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    return True


def take_channel():
    """Private copies of 0 and 1; then input is empty, and output goes where errors go."""
    commands, events = private(0), private(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return commands, events
