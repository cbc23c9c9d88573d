"""The one process of a session without xdist; `xdist.Nodes` answers the same questions."""
from ..shared.text import clean
from .reports import Stopwatch, facts_since


class Alone:
    distributed, current, number = False, "main", 1

    def __init__(self, pid):
        self.pid, self.stopwatch = pid, Stopwatch()
        self.seconds = self.stopwatch.seconds

    def begin(self, nodeid, place):
        self.stopwatch.begin()

    @staticmethod
    def name_of(nodeid, worker):
        return clean(nodeid)

    def pid_of(self, worker):
        return self.pid

    def facts_of(self, running):
        return facts_since(running.cpu)

    def run_tests(self, session):
        """pytest's own loop does."""

    def order(self, kind, command):
        """There is nothing to choose."""

    def note(self, report):
        """The hooks of this process have it."""

    def costs(self, scope):
        """Nobody shares it."""

    def drain(self):
        """Nobody writes."""

    def join(self):
        """No thread listens."""

    def stop(self, reason):
        """`Session.poll` sees to it."""
