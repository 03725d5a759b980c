"""Seat maps, orders, payments and tickets."""
