"""Recipes: read from text, scaled to the number of guests, cooked from a stock."""
from fractions import Fraction

from larder.stock import Shortage
from larder.units import parse


class Recipe:
    """Ingredients for so many guests."""

    def __init__(self, title, serves, ingredients):
        self.title = title
        self.serves = serves
        self.ingredients = dict(ingredients)

    def scaled(self, guests):
        """The same for another number of guests."""
        if guests < 1:
            raise ValueError("nobody eats %r" % self.title)
        factor = Fraction(guests, self.serves)
        ingredients = {name: amount.times(factor) for name, amount in self.ingredients.items()}
        return Recipe(self.title, guests, ingredients)

    def missing(self, stock):
        """What has to be bought, by name."""
        shopping = {}
        for name, amount in self.ingredients.items():
            if name not in stock:
                shopping[name] = amount
                continue
            lack = amount.minus(stock.amount(name))
            if lack.value > 0:
                shopping[name] = lack
        return shopping

    def cook(self, stock):
        """Takes all ingredients from the stock, or none."""
        for name, lack in self.missing(stock).items():
            raise Shortage(name, lack)
        for name, amount in self.ingredients.items():
            stock.take(name, amount)


def read(text):
    """Reads a recipe.

    >>> pancakes = read('''Pancakes for 4
    ... flour: 250 g
    ... eggs: 3
    ... ''')
    >>> pancakes.serves, str(pancakes.ingredients["eggs"])
    (4, '3 piece')
    """
    head, *rows = [line for line in text.splitlines() if line.strip()]
    title, _, serves = head.rpartition(" for ")
    ingredients = {}
    for row in rows:
        name, colon, amount = row.partition(":")
        if not colon:
            raise ValueError("%r is not an ingredient such as `flour: 250 g`" % row)
        ingredients[name.strip()] = parse(amount)
    return Recipe(title, int(serves), ingredients)
