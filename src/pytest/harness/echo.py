"""What the tests of children reported, for the hooks of the process that forked them.

As under xdist, plug-ins see all tests in the one process that begins and ends the session: those
that count, that write a file at the end, or that keep what failed for the next session.
"""


class Echo:
    def __init__(self, config):
        self.config, self.hook = config, config.hook

    def reports(self, child, found):
        from_data, config = self.hook.pytest_report_from_serializable, self.config
        reports = (from_data(config=config, data=with_tuples(data)) for data in found)
        self.repeat(child, [report for report in reports if report is not None])

    def death(self, child):
        """A test that ended its process has reported nothing."""
        from _pytest.reports import TestReport

        text = "the process of the test died"
        self.repeat(child, [TestReport(*child.test, {}, "failed", text, "call")])

    def repeat(self, child, reports):
        test, child.test = child.test, None
        if test is not None:
            self.hook.pytest_runtest_logstart(nodeid=test[0], location=test[1])
        for report in reports:
            self.hook.pytest_runtest_logreport(report=report)
        if test is not None:
            self.hook.pytest_runtest_logfinish(nodeid=test[0], location=test[1])


def with_tuples(data):
    """The data of a report as pytest made it: JSON knows lists only, and plug-ins unpack or compare."""
    for name in ("longrepr", "location"):
        if isinstance(data.get(name), list):
            data[name] = tuple(data[name])
    for name in ("sections", "user_properties"):
        if isinstance(data.get(name), list):
            pairs = data[name]
            data[name] = [tuple(pair) if isinstance(pair, list) else pair for pair in pairs]
    return data
