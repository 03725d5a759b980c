"""The database engine of the development and test settings: the product's own, with the small servers' faults mended.

The MongoDB servers that run on a laptop read a nested `$project` as literals and scan a collection where a
nested `$and` hides a range. This engine sends the same questions in a form that every server reads alike.
Production uses `django_mongodb_backend` itself.
"""
