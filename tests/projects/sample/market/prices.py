"""What things cost, in cents for a unit."""

PRICES = {"flour": (2, "g"), "milk": (1, "ml"), "eggs": (35, "piece")}


def price(name, amount):
    """The price of an amount in its base unit; `KeyError` for what is not sold.

    >>> from larder.units import parse
    >>> price("eggs", parse("1 dozen"))
    420
    """
    cents, unit = PRICES[name]
    return int(amount.to(unit).value * cents)
