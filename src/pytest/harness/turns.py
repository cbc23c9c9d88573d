"""The tests of a worker in the order in which the agent hears of them: one after the other.

A process runs one test at a time, and the agent believes no verdict that says otherwise. Plug-ins
that announce or report tests in a way of their own are brought into that order here.
"""
import collections


class Turns:
    """For each worker, the tests that have begun; the agent knows of the first one."""

    def __init__(self, send):
        self.send, self.lines = send, collections.defaultdict(collections.deque)

    def begin(self, running):
        line = self.lines[running.worker]
        if not line:
            line.append(running)
        elif running.announced:
            # pytest begins another one. If the earlier one goes on, its turn comes later.
            self.drop(line[0])
            line.appendleft(running)
        elif line[0].announced:
            # While a test runs, nothing else reports one that nobody has announced: let it show.
            running.is_stray = True
        else:
            line.append(running)
            return
        self.start(running)

    def end(self, running, finished):
        """Takes the verdict of a test, which is told in its turn; None if it has none."""
        running.has_ended, running.finished = True, finished
        if running.is_stray:
            self.tell(running)
            return
        line = self.lines[running.worker]
        while line and line[0].has_ended:
            self.tell(line.popleft())
            if line:
                self.start(line[0])

    def start(self, running):
        self.send("started", id=running.uid, worker=running.worker, pid=running.pid)

    def tell(self, running):
        if running.finished is None:
            self.drop(running)
        else:
            self.send("finished", **running.finished)

    def drop(self, running):
        self.send("dropped", id=running.uid, worker=running.worker)
