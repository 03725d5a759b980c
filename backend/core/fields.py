"""Model fields that MongoDB needs and Django lacks."""

from typing import Any

from django.db import models


class DocumentField(models.Field):  # type: ignore[type-arg]  # its value is whatever the document has there
    """A part of a document exactly as MongoDB keeps it: lists and dicts with ObjectId, Decimal128 and times.

    For reading what services write: no form edits it. (JSONField takes only what JSON has.) Times inside are
    naive, in UTC, as the ORM's connection gives them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Return how a migration writes this field."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def db_type(self, connection: Any) -> str:
        """Return the name that schema checks use."""
        return "object"
