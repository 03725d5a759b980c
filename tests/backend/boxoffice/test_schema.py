"""The box office in the API's description."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

ROUTES = {
    "/api/v2/showtimes": {"get"},
    "/api/v2/showtimes/{showtime}/seat-map": {"get"},
    "/api/v2/orders": {"get", "post"},
    "/api/v2/orders/{order}": {"get"},
    "/api/v2/orders/{order}/pay": {"post"},
    "/api/v2/orders/{order}/cancel": {"post"},
}


@pytest.fixture(scope="module")
def schema():
    """The description, as it is served."""
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_description_is_valid(schema):
    validate_schema(schema)


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_says_what_it_answers_and_how_it_refuses(schema, path):
    described = schema["paths"][path]

    assert set(described) == ROUTES[path]
    for method, operation in described.items():
        assert {"401", "403"} < set(operation["responses"]), method
        assert operation["summary"]
        if method == "post" and not path.endswith("cancel"):
            assert operation["requestBody"]["content"]["application/json"]["schema"]
