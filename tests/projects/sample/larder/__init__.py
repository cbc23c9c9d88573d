"""A larder: amounts with units, a stock that is kept in a file, recipes that use it up."""
