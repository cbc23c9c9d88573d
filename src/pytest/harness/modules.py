"""Modules that joined the module map: files of the session that are no test files.

Each is a file with a test `import`, its doctests, and the tests that it defines itself. An import
that fails is a failing test, while pytest would only say that it cannot collect the file.
"""
import doctest
import functools
import importlib
import os
import sys

import pytest


def module_hooks(process):
    """A plugin that puts a module in the place of all that pytest would make of the file."""
    names = {}

    def check_module(path, parent, outcome):
        if not names:
            modules = process.command["modules"]
            names.update((os.path.realpath(m["file"]), m["module"]) for m in modules)
            roots = [os.path.abspath(root) for root in process.command.get("roots") or ()]
            sys.path.extend(root for root in roots if root not in sys.path)
        name = names.get(os.path.realpath(str(path)))
        if name is not None:
            outcome.force_result([CheckedModule.from_parent(parent, path=path, dotted=name)])

    class Modules:
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_collect_file(self, file_path, parent):
            outcome = yield
            process.guard(check_module, file_path, parent, outcome)

    return Modules()


class Check(pytest.Item):
    def __init__(self, check, line, **kwargs):
        super().__init__(**kwargs)
        self.check, self.line = check, line

    def runtest(self):
        self.check()

    def repr_failure(self, excinfo, style=None):
        if excinfo.errisinstance(DoctestFailed):
            return str(excinfo.value)
        # The frames from here to the module are not the module's.
        own = os.path.realpath(str(self.path))
        paths = [os.path.realpath(str(entry.path)) for entry in excinfo.traceback]
        if own in paths:
            excinfo.traceback = type(excinfo.traceback)(excinfo.traceback[paths.index(own) :])
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self.line, self.name


class DoctestFailed(Exception):
    pass


def run_doctest(test, flags):
    lines = []
    doctest.DocTestRunner(verbose=False, optionflags=flags).run(test, out=lines.append)
    if lines:
        raise DoctestFailed("".join(lines))


class CheckedModule(pytest.Module):
    def __init__(self, dotted, **kwargs):
        super().__init__(**kwargs)
        self.dotted = dotted

    def _getobj(self):
        return importlib.import_module(self.dotted)

    def collect(self):
        load = self._getobj
        checks = [Check.from_parent(self, name="import", check=load, line=0)]
        try:
            module = self.obj
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException:
            return checks  # It will say so.
        flags = 0
        for name in self.config.getini("doctest_optionflags"):
            flags |= doctest.OPTIONFLAGS_BY_NAME.get(name, 0)
        for test in doctest.DocTestFinder().find(module, self.dotted):
            if test.examples:
                run = functools.partial(run_doctest, test, flags)
                checks.append(Check.from_parent(self, name=test.name, check=run, line=test.lineno))
        return checks + list(super().collect())
