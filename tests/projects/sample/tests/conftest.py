"""What several test files start from."""
import pytest

from larder.recipes import read
from larder.stock import Stock
from larder.units import parse


@pytest.fixture
def stock():
    """A larder after a small purchase."""
    stock = Stock()
    for name, amount in {"flour": "1 kg", "milk": "1 l", "eggs": "1 dozen"}.items():
        stock.add(name, parse(amount))
    return stock


@pytest.fixture(scope="session")
def pancakes():
    """A recipe for four, with an ingredient that the stock does not hold."""
    return read("Pancakes for 4\nflour: 250 g\nmilk: 500 ml\neggs: 3\nsalt: 1/2 tsp\n")
