"""The one process of a session without xdist; `xdist.Nodes` answers the same questions."""
from ..shared.text import clean
from .reports import Stopwatch, facts_since


class Alone:
    distributed, current, number = False, "main", 1

    def __init__(self, pid):
        self.pid, stopwatch = pid, Stopwatch()
        self.begin, self.seconds = stopwatch.begin, stopwatch.seconds

    @staticmethod
    def name_of(nodeid, worker):
        return clean(nodeid)

    def pid_of(self, worker):
        return self.pid

    def facts_of(self, running):
        return facts_since(running.cpu)

    def drain(self):
        """Nobody writes."""

    def join(self):
        """No thread listens."""

    def stop(self, reason):
        """`Session.poll` sees to it."""
