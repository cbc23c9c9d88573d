"""Tracebacks and stacks without the frames of the trial and of the machinery of imports."""
import importlib
import os
import traceback

from ..shared.text import one_line

# The beginnings of the names of files that a report leaves out.
OURS = ("<_menace.", "<frozen importlib", os.path.dirname(importlib.__file__))


def name_of_error(error):
    try:
        text = one_line(traceback.format_exception_only(type(error), error)[-1])
        return text or type(error).__name__
    except BaseException:
        return type(error).__name__


def of_error(error):
    """A traceback without those frames."""
    try:
        trace = traceback.TracebackException(type(error), error, error.__traceback__)
        todo, seen = [trace], set()
        while todo:
            part = todo.pop()
            if part is None or id(part) in seen:
                continue
            seen.add(id(part))
            part.stack[:] = [frame for frame in part.stack if not frame.filename.startswith(OURS)]
            todo += [part.__cause__, part.__context__]
            todo += getattr(part, "exceptions", None) or []
        return "".join(trace.format())
    except BaseException:
        return name_of_error(error)


def of_stacks(stacks):
    """Stacks of faulthandler without those frames, and without the loader's."""
    ours = tuple('File "' + name for name in OURS + ('<string>"',))
    lines = stacks.splitlines(True)
    return "".join(line for line in lines if not line.strip().startswith(ours))
