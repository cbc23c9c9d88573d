"""One module, tried: a part of the trial, which is one program and shares its names.

The module is imported by its name, so that a guard of `__main__` keeps what is a script in it from
running. Then come its doctests, and the tests that it defines itself: by pytest where that can be
imported, else by unittest. pytest gets no settings and no conftest of the project, which would
bring other tests' needs; a function that asks for a fixture which is not there is none of its tests.
"""

MOST_FILE = 256 << 20  # Bytes of one file in the scratch folder.


def try_module(command, module, scratch, output, faults, notes):
    """Runs in the child, and does not return."""
    write, leave = os.write, os._exit
    file = os.path.join(os.getcwd(), module["file"])
    prepare(command, file, scratch, output)
    faults, notes = private(faults), private(notes)
    close_all_but(faults, notes)
    faulthandler.enable(file=faults)
    faulthandler.register(DUMP_SIGNAL, file=faults, all_threads=True, chain=False)
    hook, touched, end_notes = make_guard(os.fsencode(scratch), notes)
    fence(hook)
    make_room(module["module"], file)
    sys.addaudithook(hook)
    try:
        report = Examination(module["module"], file, scratch).report()
    except BaseException as error:
        report = failure("its trial ended early: %s" % name_of_error(error), of_error(error))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    end_notes()
    report["touched"] = [[event, target, times] for (event, target), times in touched.items()]
    data = b"R" + json.dumps(clean(report)).encode("ascii") + b"\n"
    try:
        while data:
            data = data[write(notes, data) :]
    except OSError:
        leave(EX_CHANNEL_LOST)
    leave(0)


def prepare(command, file, scratch, output):
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout.reconfigure(line_buffering=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    most = MOST_FILE if most == resource.RLIM_INFINITY else min(most, MOST_FILE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        # Where memory runs out, the module goes first.
        with open("/proc/self/oom_score_adj", "w") as adjustment:
            adjustment.write("1000")
    except OSError:
        pass
    tempfile.tempdir = None
    for name in ("TMPDIR", "TMP", "TEMP", "HOME"):
        os.environ[name] = scratch
    for name in list(os.environ):
        if name.startswith(("XDG_", "PYTEST_")):
            del os.environ[name]
    sys.dont_write_bytecode = True
    roots = [os.path.join(os.getcwd(), root) for root in command.get("roots") or ["."]]
    sys.path[:0] = [os.path.normpath(root) for root in roots]
    sys.argv[:] = [file]


def make_room(name, file):
    """Forgets a module of the library that this program imported under the name of this one."""
    first = name.partition(".")[0]
    known = sys.modules.get(first)
    if known is None or first == "os" or first in sys.builtin_module_names:
        return
    spec = importlib.machinery.PathFinder.find_spec(first, sys.path)
    if spec is not None and spec.origin != getattr(known, "__file__", None):
        for other in list(sys.modules):
            if other == first or other.startswith(first + "."):
                del sys.modules[other]


def failure(message, report):
    return {"outcome": "failed", "message": one_line(message), "report": shorten(report)}


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
        import doctest  # Which takes longer than most modules do.

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


def name_of_error(error):
    try:
        return one_line(traceback.format_exception_only(type(error), error)[-1])
    except BaseException:
        return type(error).__name__


def of_error(error):
    """A traceback without the frames of this program and of the machinery of imports."""
    try:
        trace = traceback.TracebackException(type(error), error, error.__traceback__)
        todo, seen = [trace], set()
        while todo:
            part = todo.pop()
            if part is None or id(part) in seen:
                continue
            seen.add(id(part))
            part.stack[:] = [frame for frame in part.stack if not is_guard(frame.filename)]
            todo += [part.__cause__, part.__context__]
            todo += getattr(part, "exceptions", None) or []
        return "".join(trace.format())
    except BaseException:
        return name_of_error(error)


def is_guard(filename):
    ours = ("<_menace.", "<frozen importlib", os.path.dirname(importlib.__file__))
    return filename.startswith(ours)
