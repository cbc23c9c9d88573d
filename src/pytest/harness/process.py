"""The harness in one process of pytest: the common part of the session and of an xdist worker."""
from os import getpid

from .loaded import Loaded
from .printed import Printed
from .selection import Selection


class Process:
    in_worker = False

    def __init__(self, program, command):
        self.program, self.command, self.owner = program, command, getpid()
        self.selection, self.loaded = Selection(command), Loaded()
        self.printed = Printed(command.get("scratch"))
        self.deselected, self.session, self.stop, self.cover = 0, None, None, None
        if command.get("coverage"):
            self.cover = program.load("_menace.harness.cover").Cover(self)

    def guard(self, function, *args):
        """Runs a piece of the harness inside of a hook; what goes wrong is told once, and forgiven."""
        if getpid() != self.owner:
            return None  # A forked child that runs on into pytest is mute.
        try:
            return function(*args)
        except Exception as error:
            try:
                where = getattr(function, "__name__", "hook")
                self.notice("harness-error", "%s: %s: %s" % (where, type(error).__name__, error))
            except Exception:
                pass
        return None
