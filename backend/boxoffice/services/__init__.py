"""Every change of orders and seats, one module a use case."""
