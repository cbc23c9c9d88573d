"""Reads the reports of a test: its outcome, the reason for it, and what the test cost."""
import sys
from time import perf_counter, process_time

from ..shared.text import one_line, shorten, text_of

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:
    getrusage = None

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
RANKS = ("failed", "error", "xfailed", "xpassed", "skipped", "passed")


PHASES = ("setup", "call", "teardown")
PRINTED = 4 << 10  # Of each section of a test that did not fail, in bytes.
LEFT = [4 << 20]  # Of this process, for all of them.
SECONDS = "_menace_seconds"  # What an xdist worker adds to the data of its reports.


class Stopwatch:
    """Times the phases of the tests of this process, by a clock that no test has replaced.

    pytest times them too, with functions that tests freeze or set. Its figure is the better one, as
    reports may come late and together, and is believed if it fits into the time that passed.
    """

    def __init__(self):
        self.begin()

    def begin(self):
        self.mark = self.last = perf_counter()
        self.spent = 0.0

    def seconds(self, report):
        """The time that a phase took, at the moment of its report."""
        now, seconds = perf_counter(), getattr(report, "duration", None)
        if report.when == "setup" and self.spent:  # A try that nobody has announced.
            self.mark, self.spent = self.last, 0.0
        if not isinstance(seconds, float) or not 0.0 < seconds <= now - self.mark - self.spent:
            seconds = now - self.last
        self.spent += seconds
        self.last = now
        return seconds


class Running:
    """A test that has begun; `nodeid` is the one of its reports."""

    is_stray = has_ended = False  # See `turns`.

    def __init__(self, uid, nodeid, worker, pid, announced):
        self.uid, self.nodeid, self.worker, self.pid = uid, nodeid, worker, pid
        self.cpu, self.seconds, self.announced = process_time(), {}, announced
        self.reports, self.subtests, self.withheld = [], [], []
        self.was_called, self.is_plain = False, True  # Plain: all that its reports say is "passed".

    def add(self, report, seconds):
        if report.when not in ("setup", "teardown"):
            self.was_called = True
        if report.outcome != "passed" or hasattr(report, "wasxfail"):
            self.is_plain = False
        self.reports.append(report)
        self.seconds[report.when] = seconds

    def add_withheld(self):
        """Takes failures that a plug-in did not report, to try the test again, as reports."""
        reported = {report.when for report in self.reports}
        for report in self.withheld:
            if report.when not in reported:
                self.add(report, report.duration)

    def was_torn_down(self):
        return any(report.when == "teardown" for report in self.reports)

    def was_rerun(self):
        """pytest-rerunfailures gave the outcome `rerun` to a failure of this try."""
        return any(report.outcome == "rerun" for report in self.reports)

    def verdict(self):
        """The outcome over all phases and the report that decides it; None before there is one.

        Under `--setup-plan` and the like a test is set up and torn down, and never called.
        """
        if self.is_plain and not self.subtests:
            return ("passed", self.reports[0]) if self.was_called else None
        reports = self.reports + self.subtests
        around = ("setup", "teardown")
        if all(report.when in around and report.outcome == "passed" for report in reports):
            return None
        ranked = [(RANKS.index(rank(report)), report) for report in self.reports]
        ranked += [(0, report) for report in self.subtests if report.outcome == "failed"]
        best, report = min(ranked or [(RANKS.index("passed"), reports[0])], key=lambda pair: pair[0])
        return RANKS[best], report

    def times(self):
        seconds = self.seconds.get
        return {"setup_s": seconds("setup"), "call_s": seconds("call"), "teardown_s": seconds("teardown")}

    def explanation(self, outcome, report, cap):
        if outcome not in ("failed", "error"):
            sections = sections_of(self.reports, min(cap, PRINTED))
            return {"message": message_of(report), "sections": kept(sections)}
        reports = self.reports[:1] + self.subtests + self.reports[1:]
        culprits = [r for r in reports if r.outcome in ("failed", "rerun")]
        texts = [("%s\n" % subtest_name(r) if is_subtest(r) else "") + longrepr_of(r) for r in culprits]
        return {
            "message": message_of(culprits[0]),
            "longrepr": shorten("\n\n".join(texts), cap),
            "sections": sections_of(reports, cap),
        }


def sections_of(reports, cap):
    """What a test printed and logged; each phase repeats what the earlier ones captured."""
    found = {(text_of(title), text_of(text)): None for r in reports for title, text in r.sections}
    return [{"title": shorten(t, 1000), "text": shorten(text, cap)} for t, text in found]


def kept(sections):
    """The output of tests that did not fail, as long as this process has bytes left for it."""
    for section in sections:
        if len(section["text"]) > LEFT[0]:
            section["text"] = "(not kept: tests of this process that did not fail printed 4 MiB)"
        else:
            LEFT[0] -= len(section["text"])
    return sections


def is_subtest(report):
    return type(report).__name__.lower() == "subtestreport"


def rank(report):
    """The outcome of one phase."""
    if report.outcome in ("failed", "rerun"):
        return "failed" if report.when == "call" or is_subtest(report) else "error"
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.outcome == "passed" else "xfailed"
    return report.outcome if report.outcome in ("passed", "skipped") else "passed"


def message_of(report):
    """One line of a report: what went wrong, or why the test was skipped."""
    if hasattr(report, "wasxfail") and report.outcome != "failed":
        reason = text_of(report.wasxfail)
        return one_line(reason[8:] if reason.startswith("reason: ") else reason)
    longrepr = report.longrepr
    if longrepr is None:
        return None
    if isinstance(longrepr, (tuple, list)) and len(longrepr) == 3:
        reason = text_of(longrepr[2])
        return one_line(reason[9:] if reason.startswith("Skipped: ") else reason)
    crash = getattr(longrepr, "reprcrash", None)
    line = one_line(getattr(crash, "message", None) or getattr(longrepr, "errorstring", None) or "")
    if line:
        return "AssertionError: " + line if line.startswith("assert ") else line
    lines = [part for part in longrepr_of(report).splitlines() if part.strip()]
    marked = [part[2:].strip() for part in lines if part.startswith("E ")] or lines[-1:] or [""]
    return one_line(marked[-1] if marked[0].startswith('File "') else marked[0])


def longrepr_of(report):
    try:
        return report.longreprtext
    except Exception:
        return text_of(report.longrepr)


def subtest_name(report):
    for name in ("_sub_test_description", "sub_test_description"):
        describe = getattr(report, name, None)
        if describe is not None:
            return text_of(describe())
    return ""


def facts_since(cpu):
    rss = getrusage(RUSAGE_SELF).ru_maxrss * RSS_UNIT if getrusage else None
    return {"peak_rss_bytes": rss, "cpu_s": max(0.0, process_time() - cpu)}
