"""Labels for the shelf. Nothing imports this module, and it imports nothing of the project."""
import unittest


def label(name, cents):
    """One line: the name, and the price at the right."""
    return "%-20s%8.2f" % (name, cents / 100)


class LabelTest(unittest.TestCase):
    """Kept beside the code that it tests, where pytest does not look."""

    def test_the_price_is_at_the_right(self):
        self.assertEqual(label("eggs", 35), "eggs                    0.35")
