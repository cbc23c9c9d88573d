"""Amounts with units.

>>> parse("1.5 kg")
Amount(value=Fraction(3, 2), unit='kg')
>>> print(parse("1.5 kg").to("g"))
1500 g
"""
from fractions import Fraction
from typing import NamedTuple

# What a unit measures, and how much of the base unit (g, ml, piece) it is.
UNITS = {
    "g": ("mass", Fraction(1)),
    "kg": ("mass", Fraction(1000)),
    "oz": ("mass", Fraction("28.349523125")),
    "ml": ("volume", Fraction(1)),
    "l": ("volume", Fraction(1000)),
    "tsp": ("volume", Fraction(5)),
    "tbsp": ("volume", Fraction(15)),
    "piece": ("count", Fraction(1)),
    "dozen": ("count", Fraction(12)),
}


class UnitError(ValueError):
    """A unit that is unknown, or does not measure the same thing as another."""


class Amount(NamedTuple):
    """How much of something."""

    value: Fraction
    unit: str

    def to(self, unit):
        """The same amount in another unit.

        >>> Amount(Fraction(2), "dozen").to("piece").value
        Fraction(24, 1)
        """
        dimension, factor = look_up(self.unit)
        other_dimension, other_factor = look_up(unit)
        if dimension != other_dimension:
            raise UnitError("%s is a %s, %s is a %s" % (self.unit, dimension, unit, other_dimension))
        return Amount(self.value * factor / other_factor, unit)

    def plus(self, other):
        """The sum, in the unit of the first."""
        return Amount(self.value + other.to(self.unit).value, self.unit)

    def minus(self, other):
        """The difference, in the unit of the first; it may be negative."""
        return Amount(self.value - other.to(self.unit).value, self.unit)

    def times(self, factor):
        """So many times as much."""
        return Amount(self.value * Fraction(factor), self.unit)

    def __str__(self):
        whole = self.value.denominator == 1
        number = str(self.value) if whole else ("%.2f" % self.value).rstrip("0")
        return "%s %s" % (number, self.unit)


def look_up(unit):
    try:
        return UNITS[unit]
    except KeyError:
        raise UnitError("unknown unit %r" % unit) from None


def parse(text):
    """Reads `2`, `250 g` or `1/2 tsp`; without a unit it is pieces."""
    number, _, unit = text.strip().partition(" ")
    unit = unit.strip() or "piece"
    look_up(unit)
    return Amount(Fraction(number), unit)
