"""Examines a module: imports it, runs its doctests and the tests that it defines itself.

The module is imported by its name, so that a guard of `__main__` keeps what is a script in it from
running. pytest runs its tests if it can be imported, else unittest does. pytest gets no
settings, no conftest and no plug-ins of the project, which would bring other tests' needs; a function
that asks for a fixture which is not there is none of its tests.
"""
import importlib
import os
import sys
from time import perf_counter

from ..harness.reports import RANKS, longrepr_of, message_of, rank
from .tracebacks import name_of_error, of_error
from .verdicts import failure


class Examination:
    def __init__(self, name, file, scratch, tell=lambda test: None):
        self.name, self.file, self.scratch, self.tell = name, file, scratch, tell
        self.doctests = self.tests = 0
        self.messages, self.texts = [], []

    def report(self):
        began = perf_counter()
        module, report = self.load()
        if report is not None:
            # The place that its project would find it at is another one's.
            outcome = "failed" if report["outcome"] == "failed" else "skipped"
            text = report["report"] or report["message"]
            self.told("import", began, dict(outcome=outcome, message=report["message"], longrepr=text))
            return report
        self.told("import", began, {"outcome": "passed"})
        self.run_doctests(module)
        self.run_tests(module)
        counts = {"doctests": self.doctests, "tests": self.tests}
        if self.messages:
            report = failure("; ".join(self.messages), "\n\n".join(self.texts))
            return dict(report, **counts)
        return dict(counts, outcome="passed", message=None, report=None)

    def load(self):
        """The module, or the report on one that does not import."""
        try:
            module = importlib.import_module(self.name)
        except SystemExit as error:
            message = "it calls sys.exit(%r) when it is imported" % (error.code,)
            return None, failure(message, of_error(error))
        except BaseException as error:
            return None, failure("it does not import: %s" % name_of_error(error), of_error(error))
        found = getattr(module, "__file__", None) or module_of_python(module)
        if type(found) is str and not same_file(found, self.file):
            message = "not tried: `%s` imports %s, which comes before it" % (self.name, found)
            return None, dict(failure(message, ""), outcome="not_run", report=None)
        return module, None

    def told(self, name, began, verdict, line=None):
        """Tells the verdict over one test; one whose start was told first has no `began`."""
        seconds = 0.0 if began is None else perf_counter() - began
        self.tell(dict(verdict, name=name, line=line, seconds=verdict.get("seconds", seconds)))

    def begins(self, name, line=None):
        self.tell({"name": name, "line": line, "outcome": None})

    def has_prompt(self):
        try:
            with open(self.file, "rb") as file:
                return b">>>" in file.read()
        except OSError:
            return True

    def failed(self, message, text):
        self.messages.append(message)
        self.texts.append(text.strip("\n"))

    def run_doctests(self, module):
        if not hasattr(module, "__test__") and not self.has_prompt():
            return
        import doctest  # This takes longer than most modules do.

        try:
            tests = [test for test in doctest.DocTestFinder().find(module, self.name) if test.examples]
        except Exception as error:
            # Objects that answer to every attribute confuse the search; no doctest is to blame.
            print("trial: cannot look for doctests: %s" % name_of_error(error))
            return
        texts, failed = [], 0
        runner = doctest.DocTestRunner(verbose=False)
        for test in tests:
            self.doctests += 1
            before, began = len(texts), perf_counter()
            line = None if test.lineno is None else test.lineno + 1
            self.begins(test.name, line)
            has_failed = runner.run(test, out=texts.append).failed > 0
            failed += has_failed
            text = "".join(texts[before : before + 1000])
            verdict = {"outcome": "failed", "message": "the doctest failed", "longrepr": text}
            self.told(test.name, began, verdict if has_failed else {"outcome": "passed"}, line)
            if len(texts) > before + 1000:
                del texts[before + 1000 :]
        if failed:
            self.failed("%d of %s failed" % (failed, counted(len(tests), "doctest")), "".join(texts))

    def run_tests(self, module):
        cases, functions, classes = own_tests(module, self.name)
        if not cases and not functions and not classes:
            return
        try:
            import pytest
        except Exception:
            pytest = None
        if pytest is None:
            failures = self.run_unittest(cases, functions)
        else:
            failures = run_pytest(self, module, pytest)
        if failures:
            first = failures[0]
            message = "%d of %s failed: %s" % (len(failures), counted(self.tests, "test"), first[0])
            self.failed(message, "\n\n".join("%s\n%s" % pair for pair in failures[:50]))

    def run_unittest(self, cases, functions):
        import inspect
        import unittest

        suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases)
        for function in functions:
            if not inspect.signature(function).parameters:
                suite.addTest(unittest.FunctionTestCase(function))
        result = unittest.TestResult()
        suite.run(result)
        self.tests = result.testsRun
        return [(test.id().rpartition(".")[2], text) for test, text in result.failures + result.errors]


def module_of_python(module):
    """Names what Python itself has under the name; None if the module made itself something else."""
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return "a module of Python itself" if origin in ("built-in", "frozen") else None


def counted(number, noun):
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def same_file(one, other):
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def own_tests(module, name):
    """The TestCases, the test functions and the test classes that this module defines."""
    case = getattr(sys.modules.get("unittest"), "TestCase", ())
    cases, functions, classes = [], [], []
    for key, value in list(getattr(module, "__dict__", {}).items()):
        kind = type(value)  # `isinstance` would ask the value, which may lie.
        of_tests = str(key).startswith(("test_", "Test"))
        if kind is type(own_tests) and of_tests and value.__module__ == name:
            functions.append(value)
        elif issubclass(kind, type) and value.__dict__.get("__module__") == name:
            if issubclass(value, case):
                cases.append(value)
            elif of_tests and any(n.startswith("test") for n in value.__dict__):
                classes.append(value)
    return cases, functions, classes


def run_pytest(examination, module, pytest):
    """Names and texts of the tests that failed."""

    class Own(pytest.Module):
        def _getobj(self):
            return module

    class Plugin:
        def __init__(self):
            self.failures, self.counted, self.reports = [], set(), []

        def pytest_pycollect_makemodule(self, module_path, parent):
            return Own.from_parent(parent, path=module_path)

        def pytest_collection_modifyitems(self, items):
            items[:] = [item for item in items if can_run(item)]

        def pytest_runtest_logstart(self, nodeid, location):
            self.reports = []
            examination.begins(own_name(nodeid))

        def pytest_runtest_logreport(self, report):
            self.reports.append(report)
            self.counted.add(report.nodeid)
            if report.outcome == "failed":
                self.failures.append((own_name(report.nodeid), report.longreprtext))

        def pytest_runtest_logfinish(self, nodeid, location):
            examination.told(own_name(nodeid), None, verdict_of(self.reports))

        def pytest_collectreport(self, report):
            if report.outcome == "failed":
                self.failures.append(("collection", report.longreprtext))
                verdict = {"outcome": "error", "message": "its tests cannot be collected"}
                examination.told("collection", None, dict(verdict, longrepr=report.longreprtext))

    name = os.path.join(examination.scratch, "trial.py")
    settings = os.path.join(examination.scratch, "trial.ini")
    for path, text in ((name, ""), (settings, "[pytest]\n")):
        with open(path, "w") as file:
            file.write(text)
    plugin = Plugin()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-qq", "--no-header", "--no-summary", "--noconftest", "-c", settings]
    options += ["--rootdir", examination.scratch, "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    status = int(pytest.main(options + [name], plugins=[plugin]))
    examination.tests = len(plugin.counted)
    if status not in (0, 1, 5) and not plugin.failures:
        text = "pytest ended with status %d; see the output" % status
        plugin.failures.append(("pytest", text))
        examination.told("pytest", None, {"outcome": "error", "message": text})
    return plugin.failures


def own_name(nodeid):
    return nodeid.partition("::")[2]


def can_run(item):
    """False for a function that asks for what is not there: it is no test, or needs a conftest."""
    import inspect

    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return True
    given = {"request", *info.name2fixturedefs, *getattr(getattr(item, "callspec", None), "params", ())}
    needs_plugin = inspect.iscoroutinefunction(item.obj) and item.cls is None
    return given.issuperset(info.names_closure) and not needs_plugin


def verdict_of(reports):
    """The verdict over the phases of a test."""
    if not reports:
        return {"outcome": "skipped", "message": "pytest said nothing of it"}
    report = min(reports, key=lambda report: RANKS.index(rank(report)))
    verdict = {"outcome": rank(report), "seconds": sum(report.duration for report in reports)}
    if verdict["outcome"] == "passed":
        return verdict
    verdict["message"] = message_of(report)
    if report.outcome == "failed":
        texts = [longrepr_of(report) for report in reports if report.outcome == "failed"]
        verdict["longrepr"] = "\n\n".join(texts)
    return verdict
