"""The hooks of pytest: a part of the harness, which is one program and shares its names.

A hook only hands on to the session, or to the worker that stands for it in xdist's processes.
"""

# Hooks of pytest. Their options are here, because pytest is imported after this file.
HOOKS = {
    "pytest_load_initial_conftests": {"hookwrapper": True, "tryfirst": True},
    "pytest_fixture_setup": {"hookwrapper": True, "tryfirst": True},
    "pytest_collect_file": {"hookwrapper": True, "tryfirst": True},
    "pytest_report_to_serializable": {"hookwrapper": True},
    "pytest_collection_modifyitems": {"trylast": True},
    "pytest_collection_finish": {"tryfirst": True},
    "pytest_runtest_protocol": {"tryfirst": True},
    "pytest_runtest_logstart": {"tryfirst": True},
    "pytest_runtest_logreport": {"trylast": True},
    "pytest_runtest_logfinish": {"tryfirst": True},
    "pytest_report_teststatus": {"hookwrapper": True, "tryfirst": True},
    "pytest_sessionfinish": {"trylast": True},
    "pytest_configure_node": {"optionalhook": True, "trylast": True},
    "pytest_testnodedown": {"optionalhook": True, "tryfirst": True},
    "pytest_xdist_node_collection_finished": {"optionalhook": True},
}


def decorate():
    import pytest

    for name, options in HOOKS.items():
        pytest.hookimpl(**options)(globals()[name])
    for hook in (Watch.pytest_cmdline_parse, Watch.pytest_cmdline_main):
        pytest.hookimpl(hookwrapper=True, trylast=True)(hook)


def pytest_load_initial_conftests(early_config):
    guard(distribute, early_config)
    if SESSION.cover is not None:
        guard(SESSION.cover.start, early_config)
    outcome = yield
    if outcome.excinfo:
        guard(broken_conftest, outcome.excinfo[1])


def broken_conftest(error):
    if type(error).__name__ != "ConftestImportFailure" or isinstance(SESSION, Worker):
        return
    import pytest

    cause = getattr(error, "cause", None) or error.excinfo[1]
    excinfo = pytest.ExceptionInfo.from_exc_info((type(cause), cause, cause.__traceback__))
    machinery = ("_pytest", "importlib", "pluggy")
    excinfo.traceback = excinfo.traceback.filter(
        lambda entry: not any(word in str(entry.path) for word in machinery)
    )
    text = excinfo.getrepr(style="short", chain=False) if excinfo.traceback else excinfo.exconly()
    title = "ImportError while loading conftest '%s'." % error.path
    SESSION.send(
        "collect_report",
        id=clean(str(error.path)),
        file=clean(str(error.path)),
        outcome="error",
        message=one_line(excinfo.exconly().splitlines()[-1]),
        longrepr=shorten("%s\n%s" % (title, text), SESSION.cap),
    )
    SESSION.because("collect_errors", title)


def pytest_sessionstart(session):
    guard(SESSION.configured, session)


def pytest_collectstart(collector):
    guard(SESSION.collecting, collector)


def pytest_collectreport(report):
    guard(SESSION.collect_report, report)


def pytest_deselected(items):
    SESSION.deselected += len(items)


def pytest_collection_modifyitems(config, items):
    guard(SESSION.selection.apply, items, config)


def pytest_collection_finish(session):
    guard(lambda: SESSION.collected([(clean(item.nodeid), place_of(item)) for item in session.items]))


def pytest_runtest_protocol():
    return guard(SESSION.refuses) or None


def pytest_runtest_logstart(nodeid):
    if SESSION.cover is not None:
        guard(SESSION.cover.boundary, nodeid)
    guard(SESSION.start, nodeid)


def pytest_runtest_logreport(report):
    guard(SESSION.report, report)


def pytest_runtest_logfinish(nodeid):
    guard(SESSION.logfinish)


def pytest_report_teststatus():
    outcome = yield
    guard(without_progress, outcome)


def without_progress(outcome):
    """pytest's dots go to stderr, right into the stacks that a crashing worker writes there."""
    status = outcome.get_result()
    if status:
        outcome.force_result((status[0], "", ""))


def pytest_fixture_setup(fixturedef, request):
    began = _clock()
    yield
    if _clock() - began >= 0.1:
        guard(slow_fixture, fixturedef, request, _clock() - began)


def slow_fixture(fixturedef, request, seconds):
    item = getattr(request, "_pyfuncitem", None) or request.node
    scope, name = text_of(fixturedef.scope), text_of(fixturedef.argname)
    SESSION.send("fixture", scope=scope, name=name, seconds=seconds, id=clean(item.nodeid))


def pytest_warning_recorded(warning_message, nodeid):
    guard(SESSION.warning, warning_message, nodeid)


def pytest_keyboard_interrupt(excinfo):
    guard(SESSION.interrupted, excinfo)


def pytest_internalerror(excrepr):
    guard(SESSION.because, "internal", excrepr)


def pytest_sessionfinish(session):
    guard(SESSION.ending, session)


def pytest_configure_node(node):
    guard(SESSION.nodes.connect, node)


def pytest_testnodedown(node, error):
    guard(SESSION.nodes.down, node, error)


def pytest_xdist_node_collection_finished(node, ids):
    guard(SESSION.nodes.collected, node, ids)


def pytest_report_to_serializable():
    outcome = yield
    if isinstance(SESSION, Worker):
        guard(make_sendable, outcome)


def make_sendable(outcome):
    """execnet refuses lone surrogates, and xdist would end the session over them."""
    data = outcome.get_result()
    try:
        _encode(data).encode("utf-8")
    except Exception:
        outcome.force_result(clean(data))


class Watch:
    """Sees the errors of the command line, which come before any other hook."""

    def pytest_cmdline_parse(self):
        self.note((yield))

    def pytest_cmdline_main(self):
        self.note((yield))

    @staticmethod
    def note(outcome):
        if outcome.excinfo and outcome.excinfo[0].__name__ == "UsageError":
            SESSION.because("usage", "\n".join(text_of(arg) for arg in outcome.excinfo[1].args))
