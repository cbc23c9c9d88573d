"""Coverage: which lines of which files a process executed."""
import os
import sys
from time import perf_counter

from .interpreter import version_of


class Cover:
    """Measures with coverage.py, or reads what pytest-cov measured."""

    def __init__(self, process):
        self.process, self.cov, self.foreign = process, None, False
        self.sent, self.next_flush, self.file = {}, 0.0, None

    def start(self, config):
        known = config.known_args_namespace
        if getattr(known, "cov_source", None) and not getattr(known, "no_cov", False):
            self.foreign = config.pluginmanager.hasplugin("pytest_cov")
        if self.foreign or version_of("coverage", "coverage") is None:
            return
        before = os.environ.get("COVERAGE_CORE")
        cores = [None] if before or not hasattr(sys, "monitoring") else ["sysmon", None]
        for core in cores:
            try:
                if core:
                    os.environ["COVERAGE_CORE"] = core
                self.cov = self.measure(str(config.rootpath))
                return
            except Exception as error:
                self.unavailable(error)
            finally:
                if core:
                    del os.environ["COVERAGE_CORE"]

    def measure(self, root):
        import coverage

        cov = coverage.Coverage(data_file=None, config_file=True, branch=False)
        if not any(cov.get_option("run:" + name) for name in ("source", "source_pkgs", "include")):
            cov.set_option("run:source", [root])
        cov._warn = self.warned
        cov.start()
        return cov

    def warned(self, message, slug=None, once=False):
        if slug == "trace-changed":
            self.process.notice("coverage-incomplete", message)

    def unavailable(self, error):
        self.process.notice("coverage-unavailable", "%s: %s" % (type(error).__name__, error))

    def boundary(self, nodeid):
        """Between two files, so that a crash does not lose all; at most a fiftieth of the time."""
        file, self.file = self.file, nodeid.split("::")[0]
        now = perf_counter()
        if self.cov is None or file in (None, self.file) or now < self.next_flush:
            return
        self.flush()
        self.next_flush = now + max(1.0, 51 * (perf_counter() - now))

    def flush(self):
        data, files = self.cov.get_data(), []
        for file in data.measured_files():
            lines = [line for line in data.lines(file) or () if line > 0]
            if len(lines) != self.sent.get(file, 0):
                self.sent[file] = len(lines)
                files.append({"file": file, "executed": ranges(lines)})
        kind = "lines" if self.process.in_worker else "coverage"
        for first in range(0, len(files), 200):
            self.process.send(kind, files=files[first : first + 200])

    def add(self, files):
        """Unites what a worker executed with the session's own."""
        self.process.send("coverage", files=files)
        if self.cov is not None:
            lines = {f["file"]: lines_of(f["executed"]) for f in files if f["executed"]}
            self.cov.get_data().add_lines(lines)

    def end(self, config):
        try:
            if self.cov is not None:
                self.cov.stop()
            elif self.foreign and not self.process.in_worker:
                self.cov = config.pluginmanager.getplugin("_cov").cov_controller.cov
            if self.cov is not None:
                self.flush() if self.process.in_worker else self.summary()
        except Exception as error:
            self.unavailable(error)

    def summary(self):
        files = []
        for file in sorted(self.cov.get_data().measured_files()):
            try:
                _, statements, _, missing, _ = self.cov.analysis2(file)
            except Exception:
                continue  # Not Python, or no longer there.
            executed = ranges(set(statements).difference(missing))
            files.append({"file": file, "statements": ranges(statements), "executed": executed})
        for first in range(0, len(files), 200):
            self.process.send("coverage", files=files[first : first + 200])


def ranges(lines):
    """`1-3,7` for 1, 2, 3, 7."""
    parts, first, last = [], None, None
    for line in sorted(lines):
        if first is not None and line == last + 1:
            last = line
            continue
        if first is not None:
            parts.append("%d-%d" % (first, last) if last > first else str(first))
        first = last = line
    if first is not None:
        parts.append("%d-%d" % (first, last) if last > first else str(first))
    return ",".join(parts)


def lines_of(text):
    bounds = [part.partition("-") for part in text.split(",")]
    return [n for first, _, last in bounds for n in range(int(first), int(last or first) + 1)]
