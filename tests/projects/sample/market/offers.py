"""Offers: several things for one price. No test reaches this module."""
from larder.units import parse
from market.prices import price


def discount(amounts, cents):
    """What an offer saves.

    >>> discount({"flour": "1 kg", "milk": "1 l"}, 2500)
    500
    """
    return sum(price(name, parse(amount)) for name, amount in amounts.items()) - cents
