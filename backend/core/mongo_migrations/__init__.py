"""Migrations of Django's own apps with ObjectId keys (generated once, as django-mongodb-backend asks)."""
