"""The hooks of pytest, which only hand on to the session, or to the worker that stands for it.

This module imports pytest, and is loaded when the arguments of pytest are known.
"""
import sys
from inspect import signature
from time import perf_counter

import pytest

from ..shared.text import clean, text_of
from .selection import place_of, plain

PLUGIN = "_menace_harness"
NEW_WRAPPERS = "wrapper" in signature(pytest.hookimpl).parameters  # Cheaper: from pluggy 1.2.


def wait_for_pytest(process, *others):
    """The arguments by which pytest lets the hooks in, here as in xdist's workers.

    xdist hands on names of plugins only. The module of this name holds the hooks until pytest has
    imported it, and then nothing: a test that finds it does not find the channel, and a session
    within the session, with the same arguments, does not talk to the agent.
    """
    waiting = [hooks_of(process), *others]
    door = type(sys)(PLUGIN, "PYTEST_DONT_REWRITE")

    def pytest_addoption(pluginmanager):
        while waiting:
            pluginmanager.register(waiting.pop(0))

    door.pytest_addoption = pytest_addoption
    sys.modules[PLUGIN] = door
    return ["-p", PLUGIN]


def hooks_of(process):
    """A plugin whose hooks hand on to `process`, and which has no attribute that leads there."""
    guard, cover, loaded, printed = process.guard, process.cover, process.loaded, process.printed

    modules = sys.modules

    def collected(items):
        process.collected([(clean(plain(item)), place_of(item)) for item in items])

    def slow_fixture(fixturedef, request, seconds):
        item = getattr(request, "_pyfuncitem", None) or request.node
        scope, name = text_of(fixturedef.scope), text_of(fixturedef.argname)
        process.fixture(scope, name, seconds, clean(item.nodeid))

    class Hooks:
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_load_initial_conftests(self, early_config):
            guard(show_arguments, early_config)
            guard(process.distribute, early_config)
            if cover is not None:
                guard(cover.configured, early_config)
            outcome = yield
            if outcome.excinfo:
                guard(process.broken_conftest, outcome.excinfo[1])

        def pytest_sessionstart(self, session):
            guard(printed.configured, session.config)
            guard(process.configured, session)

        def pytest_collectstart(self, collector):
            if isinstance(collector, pytest.File):
                guard(process.collecting, collector.nodeid)

        def pytest_collectreport(self, report):
            guard(process.collect_report, report)

        def pytest_deselected(self, items):
            process.deselected += len(items)

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, items):
            guard(process.selection.apply, items, process.notice)

        @pytest.hookimpl(tryfirst=True)
        def pytest_collection_finish(self, session):
            guard(collected, session.items)

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session):
            return process.run_tests(session)

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(self):
            return guard(process.refuses) or None

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logstart(self, nodeid, location):
            if cover is not None:
                guard(cover.boundary)
            if printed.early:
                guard(printed.begin)
            guard(process.start, nodeid, location)

        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logreport(self, report):
            if report.failed:
                guard(loaded.failed, report.nodeid)
            if report.sections and report.when == "setup":
                guard(printed.set_up, report)
            guard(process.report, report)

        def pytest_exception_interact(self, report):
            guard(process.withheld, report)

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logfinish(self, nodeid):
            if len(modules) != loaded.count:
                guard(loaded.look)
            guard(process.logfinish, nodeid)

        if NEW_WRAPPERS:

            @pytest.hookimpl(wrapper=True, tryfirst=True)
            def pytest_report_teststatus(self):
                return without_progress((yield))

        else:

            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_report_teststatus(self):
                outcome = yield
                outcome.force_result(without_progress(outcome.get_result()))

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_fixture_setup(self, fixturedef, request):
            began = perf_counter()
            yield
            if perf_counter() - began >= 0.1:
                guard(slow_fixture, fixturedef, request, perf_counter() - began)

        def pytest_warning_recorded(self, warning_message, nodeid):
            guard(process.warning, warning_message, nodeid)

        def pytest_keyboard_interrupt(self, excinfo):
            guard(process.interrupted, excinfo)

        def pytest_internalerror(self, excrepr):
            guard(process.because, "internal", excrepr)

        @pytest.hookimpl(trylast=True)
        def pytest_sessionfinish(self, session):
            guard(process.ending, session)

    return Hooks()


def show_arguments(config, hidden=True):
    """Hides the arguments that let the hooks in from tests, and shows them to xdist."""
    given, own = config.invocation_params, ("-p", PLUGIN)
    args = tuple(given.args)
    args = args[2:] if args[:2] == own else args
    args = args if hidden else own + args
    config.invocation_params = type(given)(args=args, plugins=None, dir=given.dir)


def without_progress(status):
    """pytest's dots go to stderr, right into the stacks that a crashing worker writes there."""
    return (status[0], "", "") if status else status


def watch(session):
    """A plugin that sees the errors of the command line, which come before any other hook."""

    def note(outcome):
        if outcome.excinfo and outcome.excinfo[0].__name__ == "UsageError":
            session.because("usage", "\n".join(text_of(arg) for arg in outcome.excinfo[1].args))

    class Watch:
        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_cmdline_parse(self):
            note((yield))

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_cmdline_main(self):
            note((yield))

    return Watch()
