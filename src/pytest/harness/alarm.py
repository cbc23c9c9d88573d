"""Wakes the process that waits for its children when one of them has ended."""
import os
import signal
from os import close, read

from .forked import CHUNK, ends


class Alarm:
    def __init__(self):
        self.wake, self.alarm = ends()
        for fd in (self.wake, self.alarm):
            os.set_blocking(fd, False)
        self.handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        self.earlier = signal.set_wakeup_fd(self.alarm, warn_on_full_buffer=False)

    def rang(self):
        return bool(read(self.wake, CHUNK))

    def leave(self):
        signal.set_wakeup_fd(self.earlier)
        signal.signal(signal.SIGCHLD, self.handler or signal.SIG_DFL)
        close(self.wake)
        close(self.alarm)
