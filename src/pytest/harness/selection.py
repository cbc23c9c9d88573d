"""Chooses and names the tests that run: the agent's choice, on top of pytest's own."""
import collections

from ..shared.text import clean, text_of


class Selection:
    def __init__(self, only, skip):
        self.only = None if only is None else frozenset(only)
        self.skip = frozenset(skip)

    def wants(self, uid):
        return (self.only is None or uid in self.only) and uid not in self.skip

    def next_uid(self, nodeid, seen):
        """The name of the next selected test with this node id: the second one is `id#2`."""
        for _ in range(len(self.only or ()) + len(self.skip) + 1):
            seen[nodeid] += 1
            uid = nodeid if seen[nodeid] == 1 else "%s#%d" % (nodeid, seen[nodeid])
            if self.wants(uid):
                break
        return uid  # Even if unwanted: a plugin may add tests after the selection.

    def apply(self, items, config):
        if self.only is None and not self.skip:
            return
        seen, kept, everything = collections.Counter(), [], Selection(None, ())
        for item in items:
            if self.wants(everything.next_uid(clean(plain(item.nodeid, config)), seen)):
                kept.append(item)
        items[:] = kept


def plain(nodeid, config):
    """Without the `@group` that xdist adds for `--dist loadgroup`."""
    grouped = getattr(config.option, "loadgroup", None) or getattr(config.option, "dist", "") == "loadgroup"
    return nodeid[: nodeid.rfind("@")] if grouped and nodeid.rfind("@") > nodeid.rfind("]") else nodeid


def place_of(item):
    """File and line of a test, whatever kind of item it is."""
    try:
        file = text_of(getattr(item, "path", None) or item.fspath)
    except Exception:
        file = item.nodeid.split("::")[0]
    try:
        line = item.location[1]
        return clean(file), line + 1 if isinstance(line, int) and line >= 0 else None
    except Exception:
        return clean(file), None
