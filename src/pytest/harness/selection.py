"""Chooses and names the tests that run: the agent's choice, on top of pytest's own."""
import collections

from ..shared.text import clean, text_of


class Selection:
    def __init__(self, command):
        only = command.get("only")
        self.only = None if only is None else frozenset(only)
        self.skip, self.known = frozenset(command.get("skip") or ()), command.get("known") or ()
        self.copy, self.aliases = command.get("copy") or 1, {}

    def wants(self, uid):
        return (self.only is None or uid in self.only) and uid not in self.skip

    def next_uid(self, nodeid, seen):
        """The name of the next selected test with this node id: the second one is `id#2`."""
        for _ in range(len(self.only or ()) + len(self.skip) + 1):
            uid = next_of(nodeid, seen)
            uid = self.aliases.get(uid, uid)
            if self.wants(uid):
                break
        return uid  # Even if unwanted: a plugin may add tests after the selection.

    def apply(self, items, notice):
        if self.only is None and not self.skip and not self.known:
            return
        seen = collections.Counter()
        uids = [next_of(copy_of(clean(plain(item)), self.copy), seen) for item in items]
        self.recognize(uids, notice)
        pairs = zip(items, uids)
        items[:] = [item for item, uid in pairs if self.wants(self.aliases.get(uid, uid))]

    def recognize(self, uids, notice):
        """Finds the earlier names of tests whose parameters are others in each collection.

        Such a test is known by its function, and its position among those of the function that have
        new names.
        """
        known, collected = frozenset(self.known), frozenset(uids)
        earlier = by_function(uid for uid in self.known if uid not in collected)
        later = by_function(uid for uid in uids if "[" in uid and uid not in known) if earlier else {}
        lost = 0
        for function, names in later.items():
            before = earlier.get(function, ())
            if len(before) == len(names):
                self.aliases.update(zip(names, before))
            else:
                lost += sum(self.wants(name) for name in before)
        if self.aliases:
            text = "tests with other ids in each collection, known by their function and position: %d"
            notice("ids-change", text % len(self.aliases))
        if lost:
            text = "tests that are not found again, as each collection has more or fewer of them: %d"
            notice("ids-lost", text % lost)


def by_function(uids):
    functions = collections.OrderedDict()
    for uid in uids:
        file, _, name = uid.partition("::")
        functions.setdefault((file, name.partition("[")[0]), []).append(uid)
    return functions


def remember(uids, nodeid, uid):
    """Adds one to the names of the tests with a node id, of which nearly every one has but one."""
    earlier = uids.get(nodeid)
    if earlier is None:
        uids[nodeid] = (uid,)  # Unlike a list, it costs the garbage collector nothing.
    elif isinstance(earlier, tuple):
        uids[nodeid] = [*earlier, uid]
    else:
        earlier.append(uid)


def next_of(nodeid, seen):
    seen[nodeid] += 1
    return nodeid if seen[nodeid] == 1 else "%s#%d" % (nodeid, seen[nodeid])


def copy_of(nodeid, number):
    """The name of a test in the worker with this number, if `--dist each` runs it in each of them."""
    return nodeid if number == 1 else "%s#%d" % (nodeid, number)


def plain(item):
    """The node id without the `@group` that a worker of xdist adds for `--dist loadgroup`."""
    nodeid, config = item.nodeid, item.config
    if not hasattr(config, "workerinput") or not getattr(config.option, "loadgroup", None):
        return nodeid
    marks = list(item.iter_markers("xdist_group"))
    names = [text_of(m.args[0] if m.args else m.kwargs.get("name", "default")) for m in marks]
    # Older versions of xdist take the closest mark, newer ones take all.
    for group in ["_".join(sorted(set(names)))] + names[:1] if names else []:
        if nodeid.endswith("@" + group):
            return nodeid[: -len(group) - 1]
    return nodeid


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
