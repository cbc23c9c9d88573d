"""Examines a module: imports it, runs its doctests and the tests that it defines itself.

The module is imported by its name, so that a guard of `__main__` keeps what is a script in it from
running. pytest runs its tests if it can be imported, else unittest does. pytest gets no
settings and no conftest of the project, which would bring other tests' needs; a function that asks
for a fixture which is not there is none of its tests.
"""
import importlib
import os
import sys

from .tracebacks import name_of_error, of_error
from .verdicts import failure


class Examination:
    def __init__(self, name, file, scratch):
        self.name, self.file, self.scratch = name, file, scratch
        self.doctests = self.tests = 0
        self.messages, self.texts = [], []

    def report(self):
        try:
            module = importlib.import_module(self.name)
        except SystemExit as error:
            return failure("it calls sys.exit(%r) when it is imported" % (error.code,), of_error(error))
        except BaseException as error:
            return failure("it does not import: %s" % name_of_error(error), of_error(error))
        found = getattr(module, "__file__", None) or module_of_python(module)
        if type(found) is str and not same_file(found, self.file):
            message = "`%s` imports %s, which comes before it" % (self.name, found)
            return failure(message, "")
        self.run_doctests(module)
        self.run_tests(module)
        counts = {"doctests": self.doctests, "tests": self.tests}
        if self.messages:
            report = failure("; ".join(self.messages), "\n\n".join(self.texts))
            return dict(report, **counts)
        return dict(counts, outcome="passed", message=None, report=None)

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
            before = len(texts)
            failed += runner.run(test, out=texts.append).failed > 0
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
            self.failures, self.counted, self.not_tests = [], set(), set()

        def pytest_pycollect_makemodule(self, module_path, parent):
            return Own.from_parent(parent, path=module_path)

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(self, item, call):
            outcome = yield
            error = call.excinfo
            if call.when == "setup" and error is not None and error.typename == "FixtureLookupError":
                self.not_tests.add(item.nodeid)
            outcome.get_result()

        def pytest_runtest_logreport(self, report):
            if report.nodeid in self.not_tests:
                return
            self.counted.add(report.nodeid)
            if report.outcome == "failed":
                self.failures.append((report.nodeid.partition("::")[2], report.longreprtext))

        def pytest_collectreport(self, report):
            if report.outcome == "failed":
                self.failures.append(("collection", report.longreprtext))

    name = os.path.join(examination.scratch, "trial.py")
    settings = os.path.join(examination.scratch, "trial.ini")
    for path, text in ((name, ""), (settings, "[pytest]\n")):
        with open(path, "w") as file:
            file.write(text)
    plugin = Plugin()
    options = ["-qq", "--no-header", "--no-summary", "--noconftest", "-c", settings]
    options += ["--rootdir", examination.scratch, "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    status = int(pytest.main(options + [name], plugins=[plugin]))
    examination.tests = len(plugin.counted)
    if status not in (0, 1, 5) and not plugin.failures:
        plugin.failures.append(("pytest", "pytest ended with status %d; see the output" % status))
    return plugin.failures
