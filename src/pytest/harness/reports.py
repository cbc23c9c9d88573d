"""What the reports of a test say: a part of the harness, which is one program and shares its names."""


class Running:
    """A test that has begun."""

    def __init__(self, uid, nodeid, worker, pid):
        self.uid, self.nodeid, self.worker, self.pid = uid, nodeid, worker, pid
        self.cpu, self.began = _cpu(), _now()
        self.reports, self.subtests = [], []

    def was_rerun(self):
        """pytest-rerunfailures gave the outcome `rerun` to a failure of this try."""
        return any(report.outcome == "rerun" for report in self.reports)


def is_subtest(report):
    return type(report).__name__.lower() == "subtestreport"


def rank(report):
    """The outcome of one phase."""
    if report.outcome in ("failed", "rerun"):
        return "failed" if report.when == "call" or is_subtest(report) else "error"
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.outcome == "passed" else "xfailed"
    return report.outcome if report.outcome in ("passed", "skipped") else "passed"


RANKS = ("failed", "error", "xfailed", "xpassed", "skipped", "passed")


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
    rss = _getrusage(RUSAGE_SELF).ru_maxrss * RSS_UNIT if _getrusage else None
    return {"peak_rss_bytes": rss, "cpu_s": max(0.0, _cpu() - cpu)}
