"""The verdict over a module: by its report, or by the end of its process."""
import os
import signal

from ..shared.text import one_line, shorten

KEPT = 64 << 10  # Of what a module prints, of its report, of its stacks.
EX_SOFTWARE, EX_CHANNEL_LOST = 70, 71


def failure(message, report):
    return {"outcome": "failed", "message": one_line(message), "report": shorten(report, KEPT)}


def checked(report):
    """A report in the form that the agent reads, whoever wrote it."""
    if report["outcome"] not in ("passed", "failed", "not_run"):
        raise ValueError(report["outcome"])
    fields = {key: number(report.get(key, 0)) for key in ("doctests", "tests")}
    for key in ("message", "report"):
        fields[key] = None if report.get(key) is None else shorten(str(report[key]), KEPT)
    return dict(fields, outcome=report["outcome"])


def number(value):
    return min(max(int(value), 0), 1 << 31)


def how_it_ended(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = "signal %d" % number
        return "%s ended its process" % name
    code = os.WEXITSTATUS(status)
    if code == EX_CHANNEL_LOST:
        return "it closed the descriptor that its report goes through"
    return "it ended its process with exit status %d" % code
