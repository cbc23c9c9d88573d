"""The stock, and the file that remembers it."""
import json
import unittest

import pytest

from larder.stock import Shortage, Stock
from larder.units import parse


class TestTaking:
    def test_what_is_taken_is_gone(self, stock):
        stock.take("flour", parse("200 g"))
        assert str(stock.amount("flour")) == "0.8 kg"

    def test_what_is_used_up_is_no_longer_in_stock(self, stock):
        stock.take("eggs", parse("12"))
        assert "eggs" not in stock
        assert len(stock) == 2

    def test_a_shortage_says_how_much_is_missing(self, stock):
        with pytest.raises(Shortage, match="0.5 l of milk missing"):
            stock.take("milk", parse("1.5 l"))
        assert stock.amount("milk") == parse("1 l")

    def test_what_was_never_there_is_missing_whole(self, stock):
        with pytest.raises(Shortage) as caught:
            stock.take("salt", parse("1 tsp"))
        assert caught.value.missing == parse("1 tsp")


def test_what_was_saved_is_read_again(stock, tmp_path):
    path = tmp_path / "stock.json"
    stock.take("eggs", parse("5"))
    stock.save(path)
    assert json.loads(path.read_text())["eggs"] == "7/12 dozen"
    assert Stock.load(path).amount("eggs") == stock.amount("eggs")


def test_a_missing_file_is_an_empty_larder(tmp_path):
    assert len(Stock.load(tmp_path / "nothing.json")) == 0


class Adding(unittest.TestCase):
    def setUp(self):
        self.stock = Stock()

    def test_two_purchases_add_up(self):
        self.stock.add("rice", parse("500 g"))
        self.stock.add("rice", parse("1 kg"))
        self.assertEqual(self.stock.amount("rice").to("kg"), parse("1.5 kg"))

    def test_nothing_was_there_before(self):
        self.assertNotIn("rice", self.stock)
        self.assertEqual(str(self.stock.amount("rice")), "0 piece")
