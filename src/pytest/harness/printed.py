"""What a test has printed, where it outlives the process that runs the test.

pytest captures into files without a name, and what it has not read is gone with a process that is
killed. Here these files get a name in the scratch folder of the process: the agent reads them when a
process ended without a word, and xdist's controller when a worker did.
"""
import os

TITLES = {
    "out-setup": "Captured stdout setup",
    "err-setup": "Captured stderr setup",
    "out": "Captured stdout",
    "err": "Captured stderr",
}


class Printed:
    """The files of one process of pytest."""

    def __init__(self, folder):
        self.folder, self.worker, self.early = folder, None, []

    def configured(self, config):
        worker = getattr(config, "workerinput", {}).get("workerid", "main")
        try:
            self.name(config, worker)
        except OSError:
            pass  # There is no room for them, and pytest's own files stay.

    def set_apart(self, config, worker):
        """In a forked process: the files are those of its parent, with one position for both."""
        self.worker, self.early = None, []
        for stream in ("out", "err") if self.folder is not None else ():
            if os.path.exists(place(self.folder, worker, stream)):
                os.unlink(place(self.folder, worker, stream))
        self.name(config, worker)

    def name(self, config, worker):
        """Names the files of pytest's capture; `-s` and `--capture=sys` have none."""
        manager = config.pluginmanager.getplugin("capturemanager")
        capturing = getattr(manager, "_global_capturing", None)
        if self.folder is None or capturing is None:
            return
        for stream in ("out", "err"):
            capture = getattr(capturing, stream, None)
            file, target = getattr(capture, "tmpfile", None), getattr(capture, "targetfd", None)
            if file is not None and target is not None:
                os.makedirs(self.folder, 0o700, exist_ok=True)
                rename(file.fileno(), target, place(self.folder, worker, stream))
                self.worker = worker

    def set_up(self, report):
        """pytest has read what the setup of a test printed; its call is still to come."""
        if self.worker is None:
            return
        for stream in ("out-setup", "err-setup"):
            text = "".join(text for title, text in report.sections if title == TITLES[stream])
            if text:
                path = place(self.folder, self.worker, stream)
                self.early.append(path)
                with open(path, "wb") as file:
                    file.write(text.encode("utf-8", "replace"))

    def begin(self):
        """The next test begins."""
        while self.early:
            os.truncate(self.early.pop(), 0)


def place(folder, worker, stream):
    return os.path.join(folder, "printed-%s.%s" % (worker, stream))


def rename(fd, target, path):
    """Puts a file with a name behind `fd`, and behind `target` if pytest captures at the moment."""
    named = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(named, os.pread(fd, os.fstat(fd).st_size, 0))
    is_capturing = os.path.sameopenfile(fd, target)
    os.dup2(named, fd, False)
    if is_capturing:
        os.dup2(named, target)
    os.close(named)


def stacks_of(folder, worker):
    return os.path.join(folder, "stacks-%s" % worker)


def read_stacks(folder, worker, cap):
    """The last `cap` bytes of the stacks that a forked worker wrote."""
    try:
        with open(stacks_of(folder or "", worker), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - cap))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def read(folder, worker, cap):
    """The last `cap` bytes of each stream of a worker that is gone, as sections."""
    sections = []
    for stream, title in TITLES.items():
        try:
            with open(place(folder or "", worker, stream), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - cap))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        if text:
            sections.append({"title": title, "text": text})
    return sections
