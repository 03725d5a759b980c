"""Requests made from the API's description: of every operation, a right one, and each wrong in one place."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.till import CLIENT_VERSION

V2 = "/api/v2/"
Schema = dict[str, Any]
Path = tuple[str | int, ...]
# Right values by the name of their field, where the shape alone does not give one.
BY_NAME: dict[str, Any] = {
    "phone": "13711112222",
    "machineCode": "A" * 32,
    "clientVersion": CLIENT_VERSION,
    "refreshToken": "x.y.z",
    "activationCode": "ACDEFGHJ",
    "pin": "246810",
    "reference": "K7Q-43M",
    "showtime": "0123456789abcdef01234567",
    "seat": "1-1",
    "ticketType": "adult",
    "tendered": "100.00",
    "cinemas": [],
    "role": "seller",
    "name": "王小琳",
    "method": "cash",
    "customerPhone": "13711112222",
}


@dataclass(frozen=True)
class Operation:
    """One method of one address. `shape` is the schema of its body, None where it takes none."""

    method: str
    path: str
    shape: Schema | None
    query: tuple[str, ...]
    components: Schema

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def address(self, ids: dict[str, str]) -> str:
        """Return the address with `ids` in its places."""
        return re.sub(r"{(\w+)}", lambda match: ids[match[1]], self.path)

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the ids in the address."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def resolved(self, shape: Schema) -> Schema:
        """Follow references, and take the first alternative that is not null."""
        while True:
            if "$ref" in shape:
                shape = self.components[shape["$ref"].rpartition("/")[2]]
            elif "anyOf" in shape:
                shape = next(each for each in shape["anyOf"] if each.get("type") != "null")
            else:
                return shape

    def example(self) -> Any:
        """Return a right body."""
        return None if self.shape is None else self._example(self.shape, "")

    def _example(self, shape: Schema, name: str) -> Any:
        shape = self.resolved(shape)
        if name in BY_NAME:
            return copy.deepcopy(BY_NAME[name])
        if "enum" in shape:
            return shape["enum"][0]
        match shape.get("type"):
            case "object":
                return {key: self._example(each, key) for key, each in shape.get("properties", {}).items()}
            case "array":
                return [self._example(shape["items"], "")]
            case "string":
                return "x" * max(1, shape.get("minLength", 1))
        return {"boolean": True}.get(shape.get("type", ""), shape.get("minimum", 1))

    def fields(self) -> Iterator[tuple[Path, str]]:
        """Yield where each field of the body is, and its type."""
        if self.shape is not None:
            yield from self._fields(self.shape, ())

    def _fields(self, shape: Schema, at: Path) -> Iterator[tuple[Path, str]]:
        shape = self.resolved(shape)
        if at:
            yield at, shape.get("type", "string")
        if shape.get("type") == "array":
            yield from self._fields(shape["items"], (*at, 0))
        for name, each in shape.get("properties", {}).items():
            yield from self._fields(each, (*at, name))


def operations(description: Schema) -> list[Operation]:
    """Return every operation of the API."""
    found = []
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if path.startswith(V2):
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                query = tuple(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query")
                found.append(
                    Operation(method.upper(), path, body.get("schema"), query, description["components"]["schemas"])
                )
    return found


def changed(body: Any, at: Path, value: Any) -> Any:
    """Return `body` with `value` at `at`; where an example's list is empty, with a list of it."""
    whole = copy.deepcopy(body)
    here = whole
    for step in at[:-1]:
        here = here[step]
    if isinstance(here, list):
        here[:] = [value]
    else:
        here[at[-1]] = value
    return whole
