"""What the session tells of the collection: its tests, and the files that could not be collected."""
import collections
import os

from ..shared.text import clean, one_line, shorten
from .process import Process
from .reports import longrepr_of, message_of
from .selection import remember


class Collection(Process):
    def broken_conftest(self, error):
        if type(error).__name__ != "ConftestImportFailure":
            return
        import pytest

        cause = getattr(error, "cause", None) or error.excinfo[1]
        excinfo = pytest.ExceptionInfo.from_exc_info((type(cause), cause, cause.__traceback__))
        machinery = ("_pytest", "importlib", "pluggy")
        excinfo.traceback = excinfo.traceback.filter(
            lambda entry: not any(word in str(entry.path) for word in machinery)
        )
        text = excinfo.getrepr(style="short", chain=False) if excinfo.traceback else excinfo.exconly()
        title = "ImportError while loading conftest '%s'." % error.path
        self.send(
            "collect_report",
            id=clean(str(error.path)),
            file=clean(str(error.path)),
            outcome="error",
            message=one_line(excinfo.exconly().splitlines()[-1]),
            longrepr=shorten("%s\n%s" % (title, text), self.cap),
        )
        self.because("collect_errors", title)

    def collecting(self, nodeid):
        self.send("collecting", id=clean(nodeid))
        self.poll()

    def collected(self, tests, done=True):
        """`tests` are node ids, each with its file and line."""
        seen, lines, size, places = collections.Counter(), [], 0, self.loaded.places
        for nodeid, (file, line) in tests:
            uid = self.selection.next_uid(nodeid, seen)
            remember(self.uids, nodeid, uid)
            self.names.append(uid)
            places[file] = nodeid
            lines.append({"id": uid, "file": file, "line": line})
            size += len(uid) + len(file)
            if len(lines) == 1000 or size > 1 << 20:
                self.send("collected", tests=lines, done=False)
                lines, size = [], 0
        self.send("collected", tests=lines, deselected=self.deselected, done=done)
        self.is_collected = self.is_collected or done
        self.poll()

    def uids_of(self, name):
        """The names of the tests with this node id; a plug-in may make tests while others run."""
        if name not in self.uids:
            self.uids[name] = (name,)
            test = {"id": name, "file": name.split("::")[0], "line": None}
            self.send("collected", tests=[test], done=self.is_collected)
        return self.uids[name]

    def collect_report(self, report):
        if report.outcome == "passed":
            return
        error = report.outcome == "failed"
        self.collect_errors += error
        path = report.nodeid.split("::")[0]
        root = getattr(getattr(self.session, "config", None), "rootpath", None)
        self.send(
            "collect_report",
            id=clean(report.nodeid),
            file=os.path.join(str(root), path) if root and path else None,
            outcome="error" if error else "skipped",
            message=message_of(report),
            longrepr=shorten(longrepr_of(report), self.cap) if error else None,
        )
