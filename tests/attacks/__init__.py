"""Attacks that must fail, one module a family; controls show that each would succeed without its guard."""
