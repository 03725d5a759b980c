"""The API's description, made once: the sweeps take their addresses, fields and expected answers from it."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    """The OpenAPI description of the API, as served at `/api/schema/`."""
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415 - Django is not set up yet

    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return described
