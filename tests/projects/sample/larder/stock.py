"""The stock: what there is, and the file that remembers it."""
import json

from larder.units import Amount, parse


class Shortage(Exception):
    """There is not enough of something."""

    def __init__(self, name, missing):
        super().__init__("%s of %s missing" % (missing, name))
        self.name = name
        self.missing = missing


class Stock:
    """Amounts by name."""

    def __init__(self, amounts=None):
        self._amounts = dict(amounts or {})

    def __contains__(self, name):
        return name in self._amounts

    def __len__(self):
        return len(self._amounts)

    def amount(self, name):
        """How much there is; no pieces of what was never there."""
        return self._amounts.get(name, Amount(parse("0").value, "piece"))

    def add(self, name, amount):
        """Puts something in."""
        known = self._amounts.get(name)
        self._amounts[name] = amount if known is None else known.plus(amount)

    def take(self, name, amount):
        """Takes something out; what is used up is no longer in stock."""
        if name not in self._amounts:
            raise Shortage(name, amount)
        left = self._amounts[name].minus(amount)
        if left.value < 0:
            raise Shortage(name, left.times(-1))
        if left.value == 0:
            del self._amounts[name]
        else:
            self._amounts[name] = left

    def save(self, path):
        """Writes the stock as JSON."""
        rows = {name: "%s %s" % amount for name, amount in sorted(self._amounts.items())}
        path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote; a file that is not there is an empty larder."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        return cls({name: parse(amount) for name, amount in json.loads(text).items()})
