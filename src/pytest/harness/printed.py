"""What a test has printed, where it outlives the process that runs the test.

pytest captures into files without a name, and what it has not read is gone with a process that is
killed. Here these files get a name in the scratch folder of the process: the agent reads them when a
process ended without a word, and xdist's controller when a worker did.
"""
import os

STREAMS = {"out": "Captured stdout", "err": "Captured stderr"}


def keep(config, folder):
    """Names the files of pytest's capture; `-s` and `--capture=sys` have none."""
    manager = config.pluginmanager.getplugin("capturemanager")
    capturing = getattr(manager, "_global_capturing", None)
    if folder is None or capturing is None:
        return
    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    for stream in STREAMS:
        capture = getattr(capturing, stream, None)
        file, target = getattr(capture, "tmpfile", None), getattr(capture, "targetfd", None)
        if file is not None and target is not None:
            os.makedirs(folder, 0o700, exist_ok=True)
            rename(file.fileno(), target, place(folder, worker, stream))


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


def read(folder, worker, cap):
    """The last `cap` bytes of each stream of a worker that is gone, as sections."""
    sections = []
    for stream, title in STREAMS.items():
        try:
            with open(place(folder or "", worker, stream), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - cap))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        if text:
            sections.append({"title": title, "text": text})
    return sections
