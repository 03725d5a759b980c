"""Money: yuan with two decimals, exact everywhere."""

from decimal import Decimal

from bson.decimal128 import Decimal128

CENT = Decimal("0.01")


def to_decimal(value: Decimal | Decimal128 | str | int) -> Decimal:
    """Return `value` in yuan as a Decimal with two decimals."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    return Decimal(value).quantize(CENT)


def to_bson(value: Decimal | str | int) -> Decimal128:
    """Return `value` in yuan as MongoDB stores it."""
    return Decimal128(to_decimal(value))


def money(value: Decimal | Decimal128 | str | int) -> str:
    """Return `value` in yuan as the API writes it: `"45.00"`."""
    return str(to_decimal(value))
