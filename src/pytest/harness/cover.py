"""Coverage: which lines of which files a process executed, and which branches it took."""
import glob
import os
import sys
from time import perf_counter, process_time

from .interpreter import version_of
from .numbers import lines_of, ranges

FREE_S = 0.3  # By this, small projects report before each of their first tests.
FREE_OF_CHILD_S = 0.03  # There are many of them.
DATA = "data"


class Cover:
    """Measures with coverage.py, or reads what pytest-cov measured."""

    def __init__(self, process):
        self.process, self.cov, self.foreign = process, None, False
        self.sent, self.known, self.began, self.spent_s = {}, set(), perf_counter(), 0.0
        self.analysis, self.root, self.by_default = None, None, False
        self.wishes, self.folder, self.beside = set(), None, set()
        self.tell, self.is_remote, self.free_s = process.send, process.in_worker, FREE_S

    def start(self):
        """Before pytest and its plug-ins are imported, and all that they import, as `coverage run`."""
        if version_of("coverage", "coverage") is not None:
            import coverage

            own = getattr(coverage.process_startup, "coverage", None)
            if own is not None:
                own.stop()  # COVERAGE_PROCESS_START takes this process for a child.
            self.analysis = self.process.program.load("_menace.harness.analysis")
            self.begin(os.getcwd())

    def begin(self, root, folder=None):
        before = os.environ.get("COVERAGE_CORE")
        cores = [None] if before or not hasattr(sys, "monitoring") else ["sysmon", None]
        for core in cores:
            try:
                if core:
                    os.environ["COVERAGE_CORE"] = core
                self.cov = self.measure(root, core, folder)
                self.root = os.path.realpath(root)
                return
            except Exception as error:
                self.unavailable(error)
            finally:
                if core:
                    os.environ.pop("COVERAGE_CORE", None)

    def configured(self, config):
        """pytest knows its arguments, and with them who measures, and what."""
        known = config.known_args_namespace
        if getattr(known, "cov_source", None) and not getattr(known, "no_cov", False):
            self.foreign = config.pluginmanager.hasplugin("pytest_cov")
        if self.cov is None:
            return
        if self.foreign:
            self.cov.stop()
            self.cov = None
            return
        root = str(config.rootpath) if self.by_default else self.root
        folder = self.folder_of_children() if self.wishes else None
        if folder or os.path.realpath(root) != self.root:
            self.move(root, folder)

    def is_wanted(self, file):
        """False for what lies elsewhere: a child may measure it, or we, before the root was known."""
        inside = os.path.join(self.root, "")
        return not self.by_default or os.path.abspath(file).startswith(inside)

    def folder_of_children(self):
        """The place for the data of child processes, away from the project."""
        folder = self.process.command.get("scratch")
        if not folder:
            return None
        if not self.process.in_worker:
            os.mkdir(folder, 0o700)
            if "environment" in self.wishes:
                os.environ["COVERAGE_FILE"] = os.path.join(folder, DATA)
        return folder if os.path.isdir(folder) else None

    def move(self, root, folder):
        """Begins once more, with what pytest knows, and keeps what ran so far."""
        earlier, self.cov = self.cov, None
        earlier.stop()
        self.begin(root, folder)
        if self.cov is not None:
            data = earlier.get_data()
            files = [file for file in data.measured_files() if self.is_wanted(file)]
            add = self.cov.get_data().add_arcs if data.has_arcs() else self.cov.get_data().add_lines
            add({file: (data.arcs if data.has_arcs() else data.lines)(file) or [] for file in files})

    def measure(self, root, core, folder=None):
        import coverage

        file = folder and os.path.join(folder, DATA)
        suffix = True if folder else None
        cov = coverage.Coverage(data_file=file, data_suffix=suffix, config_file=True)
        if folder:
            self.folder = folder
        else:
            self.wishes = wishes_for_children(cov)
            self.beside = files_beside(cov)
        given = [cov.get_option("run:" + name) for name in ("source", "source_pkgs", "include")]
        self.by_default = not any(given) and not getattr(cov.config, "source_dirs", None)
        if self.by_default:
            cov.set_option("run:source", [root])
        if core and cov.get_option("run:branch"):
            del os.environ["COVERAGE_CORE"]  # coverage.py knows by what it can tell branches.
        self.listen(cov)
        cov.start()
        return cov

    def listen(self, cov):
        def warned(message, slug=None, once=False):  # As a closure: no name leads to us.
            if slug == "trace-changed":
                self.process.notice("coverage-incomplete", message)

        cov._warn = warned

    def unavailable(self, error):
        self.process.notice("coverage-unavailable", "%s: %s" % (type(error).__name__, error))

    def boundary(self):
        """Before a test, so that a crash does not lose all."""
        if self.cov is None or not self.has_time():
            return
        try:
            self.flush()
        except Exception as error:
            cov, self.cov = self.cov, None
            self.unavailable(error)
            cov.stop()

    def before_children(self):
        """What was executed so far is told here, so that children tell what they execute."""
        if self.cov is not None:
            self.flush()
            self.cov.get_data()

    def in_child(self):
        if self.foreign:
            self.cov = self.foreign_cov(self.process.session.config)
        elif self.folder is None and self.cov is not None:
            self.cov.get_data().erase()  # In memory.
        self.tell, self.is_remote, self.sent = self.process.channel.queue, True, {}
        self.began, self.spent_s, self.free_s = perf_counter(), 0.0, FREE_OF_CHILD_S

    def end_of_child(self):
        """The processes of pytest-cov, and those that the project wants measured, leave files."""
        if self.cov is None:
            return
        self.cov.stop()
        if self.foreign or self.folder is not None:
            self.cov.save()
        else:
            self.flush()

    def has_time(self):
        """True if early reports took less CPU time than they may: a fiftieth of the wall time."""
        return self.spent_s < self.free_s + (perf_counter() - self.began) / 50

    def flush(self):
        """Sends the lines that are new, and the statements of files for which there is time."""
        began = process_time()
        data, files = self.cov.get_data(), []
        branches, in_worker = data.has_arcs(), self.is_remote
        self.spent_s += process_time() - began
        for file in data.measured_files():
            began = process_time()
            lines = [line for line in data.lines(file) or () if line > 0]
            arcs = data.arcs(file) if branches else ()
            report = {"file": file, "executed": ranges(lines)}
            is_news = len(arcs or lines) != self.sent.get(file, 0)
            if branches and in_worker:
                report["arcs"] = arcs
            elif not in_worker and (file not in self.known or branches and is_news) and self.has_time():
                self.known.add(file)
                report.update(self.early_analysis(file))
            elif branches:
                arcs = ()  # So that it is news the next time.
            if is_news or "statements" in report:
                self.sent[file] = len(arcs or lines)
                files.append(report)
            self.spent_s += process_time() - began
        self.send_files("lines" if in_worker else "coverage", files)

    def early_analysis(self, file):
        """Only an analysis tells statements and branches."""
        found = self.analysis.report_on(self.cov, file, self.process.notice) or {}
        if self.cov.get_option("paths"):
            found.pop("statements", None)  # In the end the file may have another name.
        return found

    def add(self, files):
        """Unites what a worker executed with the session's own."""
        lines = {f["file"]: lines_of(f["executed"]) for f in files if f["executed"]}
        arcs = {f["file"]: f.pop("arcs") for f in files if "arcs" in f}
        self.send_files("coverage", files)
        if self.cov is not None and arcs:
            self.cov.get_data().add_arcs(arcs)
        elif self.cov is not None:
            self.cov.get_data().add_lines(lines)

    def ending(self, config):
        """The tests are over; what pytest-cov measured is whole, and more may run until the end."""
        if self.process.in_worker:
            self.end()
        elif self.foreign:
            self.cov = self.foreign_cov(config)
            self.end()
        else:
            self.boundary()

    @staticmethod
    def foreign_cov(config):
        return config.pluginmanager.getplugin("_cov").cov_controller.cov

    def end(self):
        try:
            if self.cov is not None:
                self.cov.stop()
                if self.process.in_worker:
                    self.flush()
                else:
                    self.process.guard(self.gather)
                    self.summary()
        except Exception as error:
            self.unavailable(error)
        self.cov = None

    def gather(self):
        """Unites what other processes measured; data beside the project's is of tests, and stays."""
        if self.folder is None:
            united, files = self.cov, sorted(files_beside(self.cov) - self.beside)
        else:
            import coverage

            self.cov.save()
            united = coverage.Coverage(data_file=None, config_file=True)
            self.listen(united)
            files = [os.path.join(self.folder, name) for name in sorted(os.listdir(self.folder))]
        for file in files:
            try:
                united.combine([file], keep=True)
            except Exception:
                pass  # Its process died while it wrote, or it measured something else.
        self.cov = united

    def summary(self):
        self.analysis.remap(self.cov)
        files = sorted(self.cov.get_data().measured_files())
        if self.folder is not None:
            files = [file for file in files if self.is_wanted(file)]
        found = (self.analysis.report_on(self.cov, file, self.process.notice) for file in files)
        self.send_files("coverage", [entry for entry in found if entry is not None])

    def send_files(self, kind, files):
        for first in range(0, len(files), 100):
            self.tell(kind, files=files[first : first + 100])


def files_beside(cov):
    """The data files of processes, by which a project with `parallel` tells them apart."""
    if not cov.get_option("run:parallel"):
        return set()
    return set(glob.glob(glob.escape(os.path.abspath(cov.get_option("run:data_file"))) + ".*"))


def wishes_for_children(cov):
    """What the project asks for that measures child processes; here it is switched off."""
    wishes, multiprocessing = set(), "multiprocessing"
    try:
        if cov.get_option("run:patch"):
            cov.set_option("run:patch", [])
            wishes.add("patch")
    except Exception:
        pass  # An older coverage.py.
    concurrency = cov.get_option("run:concurrency") or []
    if multiprocessing in concurrency:
        rest = [concurrency] if isinstance(concurrency, str) else concurrency
        cov.set_option("run:concurrency", [c for c in rest if c != multiprocessing] or ["thread"])
        wishes.add("environment")
    if os.environ.get("COVERAGE_PROCESS_START"):
        wishes.add("environment")
    return wishes
