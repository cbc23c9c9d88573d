"""The hooks of pytest, which only hand on to the session, or to the worker that stands for it.

This module imports pytest, and is loaded when the arguments of pytest are known.
"""
import sys
from time import perf_counter

import pytest

from ..shared.text import clean, text_of
from .selection import place_of, plain

PLUGIN = "_menace_harness"


def wait_for_pytest(process, *others):
    """The arguments by which pytest lets the hooks in, here as in xdist's workers.

    xdist hands on names of plugins only. The module of this name holds the hooks until pytest has
    imported it, and then nothing: a test that finds it does not find the channel, and a session
    within the session, with the same arguments, does not talk to the agent.
    """
    waiting = [Hooks(process), *others]
    if process.command.get("modules"):
        waiting.append(process.program.load("_menace.harness.modules").Modules(process))
    door = type(sys)(PLUGIN, "PYTEST_DONT_REWRITE")

    def pytest_addoption(pluginmanager):
        while waiting:
            pluginmanager.register(waiting.pop(0))

    door.pytest_addoption = pytest_addoption
    sys.modules[PLUGIN] = door
    return ["-p", PLUGIN]


class Hooks:
    def __init__(self, process):
        self.process, self.guard, self.cover = process, process.guard, process.cover

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        self.guard(show_arguments, early_config)
        self.guard(self.process.distribute, early_config)
        if self.cover is not None:
            self.guard(self.cover.configured, early_config)
        outcome = yield
        if outcome.excinfo:
            self.guard(self.process.broken_conftest, outcome.excinfo[1])

    def pytest_sessionstart(self, session):
        self.guard(self.process.configured, session)

    def pytest_collectstart(self, collector):
        if isinstance(collector, pytest.File):
            self.guard(self.process.collecting, collector.nodeid)

    def pytest_collectreport(self, report):
        self.guard(self.process.collect_report, report)

    def pytest_deselected(self, items):
        self.process.deselected += len(items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        self.guard(self.process.selection.apply, items, self.process.notice)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session):
        self.guard(self.collected, session.items)

    def collected(self, items):
        self.process.collected([(clean(plain(item)), place_of(item)) for item in items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self):
        return self.guard(self.process.refuses) or None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        if self.cover is not None:
            self.guard(self.cover.boundary)
        self.guard(self.process.start, nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        self.guard(self.process.report, report)

    def pytest_exception_interact(self, report):
        self.guard(self.process.withheld, report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid):
        self.guard(self.process.logfinish, nodeid)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_report_teststatus(self):
        outcome = yield
        self.guard(without_progress, outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        began = perf_counter()
        yield
        if perf_counter() - began >= 0.1:
            self.guard(self.slow_fixture, fixturedef, request, perf_counter() - began)

    def slow_fixture(self, fixturedef, request, seconds):
        item = getattr(request, "_pyfuncitem", None) or request.node
        scope, name = text_of(fixturedef.scope), text_of(fixturedef.argname)
        self.process.send("fixture", scope=scope, name=name, seconds=seconds, id=clean(item.nodeid))

    def pytest_warning_recorded(self, warning_message, nodeid):
        self.guard(self.process.warning, warning_message, nodeid)

    def pytest_keyboard_interrupt(self, excinfo):
        self.guard(self.process.interrupted, excinfo)

    def pytest_internalerror(self, excrepr):
        self.guard(self.process.because, "internal", excrepr)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        self.guard(self.process.ending, session)


def show_arguments(config, hidden=True):
    """Hides the arguments that let the hooks in from tests, and shows them to xdist."""
    given, own = config.invocation_params, ("-p", PLUGIN)
    args = tuple(given.args)
    args = args[2:] if args[:2] == own else args
    args = args if hidden else own + args
    config.invocation_params = type(given)(args=args, plugins=None, dir=given.dir)


def without_progress(outcome):
    """pytest's dots go to stderr, right into the stacks that a crashing worker writes there."""
    status = outcome.get_result()
    if status:
        outcome.force_result((status[0], "", ""))


class Watch:
    """Sees the errors of the command line, which come before any other hook."""

    def __init__(self, session):
        self.session = session

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_cmdline_parse(self):
        self.note((yield))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_cmdline_main(self):
        self.note((yield))

    def note(self, outcome):
        if outcome.excinfo and outcome.excinfo[0].__name__ == "UsageError":
            self.session.because("usage", "\n".join(text_of(arg) for arg in outcome.excinfo[1].args))
