"""A reader of mongodump's directory, made from its documentation and none of our code: what mongorestore would find.

`<out>/<database>/<collection, as in a URL's query>.bson` holds documents one after another, `.metadata.json` beside it
canonical Extended JSON: `options`, `indexes` as `listIndexes` gives them, `uuid` (hex), `collectionName`, `type`.
`prelude.json` names the versions of server and tool.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import bson
from bson import json_util

FIELDS = {"options", "indexes", "uuid", "collectionName", "type"}


@dataclass
class Dumped:
    """One collection."""

    documents: list[dict[str, Any]]
    indexes: list[dict[str, Any]]
    options: dict[str, Any]


def read(directory: Path) -> dict[str, Dumped]:
    """Return the collections by `database.collection`; an AssertionError where mongorestore would stumble or guess."""
    found = {}
    for database in (path for path in directory.iterdir() if path.is_dir()):
        prelude = json.loads((database / "prelude.json").read_text())
        assert set(prelude) == {"ServerVersion", "ToolVersion"}
        files = {path.name for path in database.iterdir()} - {"prelude.json"}
        for name in sorted(files):
            assert name.endswith((".bson", ".metadata.json")), name
        for name in sorted(name.removesuffix(".bson") for name in files if name.endswith(".bson")):
            assert f"{name}.metadata.json" in files
            found[f"{database.name}.{unquote_plus(name)}"] = _collection(database, name)
        assert len(files) == 2 * len([name for name in files if name.endswith(".bson")])
    return found


def _collection(database: Path, name: str) -> Dumped:
    text = (database / f"{name}.metadata.json").read_text()
    json.loads(text, parse_int=_refused, parse_float=_refused)
    metadata = json_util.loads(text)
    assert set(metadata) == FIELDS
    assert (metadata["collectionName"], metadata["type"]) == (unquote_plus(name), "collection")
    assert re.fullmatch(r"[0-9a-f]{32}", metadata["uuid"])
    for index in metadata["indexes"]:
        assert {"v", "key", "name"} <= set(index)
    assert [index["name"] for index in metadata["indexes"]][:1] == ["_id_"]
    return Dumped(
        documents=bson.decode_all((database / f"{name}.bson").read_bytes()),
        indexes=metadata["indexes"],
        options=metadata["options"],
    )


def _refused(number: str) -> None:
    raise AssertionError(f"{number}: canonical Extended JSON has numbers in texts alone")
