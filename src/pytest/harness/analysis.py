"""What the reports of coverage.py say about a file, with all settings of the project.

coverage.py has no public way to ask for branches; this one serves the versions 6 and 7.
"""
from .numbers import ranges

try:
    from coverage.report_core import get_analysis_to_report
except Exception:
    try:
        from coverage.report import get_analysis_to_report
    except Exception:
        get_analysis_to_report = None


def remap(cov):
    """Applies the setting `paths` to what was measured, as all reports do."""
    cov.get_data()  # Else what ran since the last call is lost.
    getattr(cov, "_prepare_data_for_reporting", int)()


def report_on(cov, file, notice):
    """None for a file that is left out, that is not Python, or that is no longer there."""
    try:
        try:
            return in_full(cov, file)
        except (AttributeError, TypeError, ValueError) as error:
            found = lines_alone(cov, file)
            message = "the lines that ran count, and nothing else: this coverage.py is not known (%s: %s)"
            notice("coverage-unknown", message % (type(error).__name__, error))
            return found
    except Exception:
        return None


def in_full(cov, file):
    ((reporter, analysis),) = get_analysis_to_report(cov, [file])
    found = entry(reporter.filename, analysis.statements, analysis.missing)
    if cov.get_data().has_arcs():
        arcs = analysis.missing_branch_arcs()
        missing = [[line, to] for line in sorted(arcs) for to in sorted(arcs[line])]
        found["branches"] = {"total": analysis.numbers.n_branches, "missing": missing}
    return found


def lines_alone(cov, file):
    _, statements, _, missing, _ = cov.analysis2(file)
    return entry(file, statements, missing)


def entry(file, statements, missing):
    executed = set(statements).difference(missing)
    return {"file": file, "statements": ranges(statements), "executed": ranges(executed)}
