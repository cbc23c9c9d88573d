"""Recipes: scaling them, shopping for them, cooking them."""
import pytest

from larder.recipes import read
from larder.stock import Shortage
from larder.units import parse


@pytest.mark.parametrize("guests, flour", [(1, "62.5 g"), (4, "250 g"), (10, "625 g")])
def test_a_recipe_is_scaled_to_its_guests(pancakes, guests, flour):
    assert pancakes.scaled(guests).ingredients["flour"] == parse(flour)


def test_nobody_cannot_be_cooked_for(pancakes):
    with pytest.raises(ValueError, match="nobody eats 'Pancakes'"):
        pancakes.scaled(0)


def test_the_shopping_list_has_what_is_missing(pancakes, stock):
    shopping = pancakes.scaled(12).missing(stock)
    assert {name: str(amount) for name, amount in shopping.items()} == {
        "milk": "500 ml",
        "salt": "1.5 tsp",
    }


def test_cooking_uses_up_the_ingredients(pancakes, stock):
    stock.add("salt", parse("3 tsp"))
    pancakes.cook(stock)
    assert stock.amount("eggs").to("piece") == parse("9")


def test_a_dish_that_cannot_be_cooked_uses_up_nothing(pancakes, stock):
    with pytest.raises(Shortage, match="0.5 tsp of salt missing"):
        pancakes.cook(stock)
    assert stock.amount("flour") == parse("1 kg")


def test_a_line_that_is_no_ingredient_is_shown():
    with pytest.raises(ValueError, match="'a pinch of salt'"):
        read("Soup for 2\na pinch of salt\n")
