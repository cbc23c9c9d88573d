"""Makes modules of the sources that came over standard input.

The modules are in `sys.modules` only while one of them is being loaded. After that no name leads to
them: a test cannot import one by accident, nor find the channel to the agent in one. They import
each other at their top, as modules do; what few sessions need is loaded by `Program.load` when it
is needed, and always before a conftest or a module of the project runs.
"""
import importlib
import importlib.machinery
import sys

PACKAGE = "_menace"


class Program:
    """The modules in `sources`, texts by their names; a finder and a loader of Python's imports."""

    def __init__(self, sources):
        self.sources, self.modules = sources, {}

    def load(self, name):
        sys.meta_path.insert(0, self)
        sys.modules.update(self.modules)
        try:
            return importlib.import_module(name)
        finally:
            sys.meta_path.remove(self)
            for known in list(sys.modules):
                if known == PACKAGE or known.startswith(PACKAGE + "."):
                    self.modules[known] = sys.modules.pop(known)

    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return importlib.machinery.ModuleSpec(name, self)
        if any(known.startswith(name + ".") for known in self.sources):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source = self.sources.get(module.__name__)
        if source is not None:
            # Brackets tell `linecache`, coverage and people that there is no such file.
            exec(compile(source, "<%s>" % module.__name__, "exec", dont_inherit=True), module.__dict__)
