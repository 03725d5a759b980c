"""An archive holds what the database held, anybody can read it, and a damaged one is refused by name."""

import gzip
import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import bson
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from backend.core.mongo import collection
from backend.ops.backup import archive
from backend.ops.backup import shelf as shelves
from backend.ops.backup.bson_stream import DocumentCounter
from backend.ops.backup.errors import Damaged
from tests.ops.backup import damage, dump_reader

pytestmark = pytest.mark.usefixtures("sold")
Damage = Callable[[Path], None]
NO_FILE = "is no file that a backup may hold"


@pytest.fixture
def backup(shelf: Path) -> Path:
    call_command("backup_database", output=shelf)
    (made,) = shelves.backups_in(shelf)
    return made.path


def test_an_independent_reader_finds_the_same_documents_and_digests(backup: Path) -> None:
    """Plain tar and BSON, and none of our code."""
    database = connection.settings_dict["NAME"]
    with tarfile.open(backup, "r:gz") as opened:
        content = {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
    manifest = json.loads(content.pop("manifest.json"))

    assert manifest["files"].keys() == content.keys()
    for name, bytes_ in content.items():
        assert manifest["files"][name]["sha256"] == hashlib.sha256(bytes_).hexdigest()
    for name in ("orders", "seatMaps", "users", "staffSessions", "showtimes"):
        kept = bson.decode_all(content[f"{database}/{name}.bson"])
        stored = list(connection.get_collection(name).find())  # type: ignore[attr-defined]
        assert sorted(kept, key=lambda each: str(each["_id"])) == sorted(stored, key=lambda each: str(each["_id"]))
        assert kept
    indexes = json.loads(content[f"{database}/orders.metadata.json"])["indexes"]
    assert {index["name"] for index in indexes} == set(collection("orders").index_information())
    assert json.loads(content[f"{database}/prelude.json"])["ServerVersion"]


ODD = "odd näme+%/.x"
EVERY_TYPE: dict[str, Any] = {
    "_id": bson.ObjectId(),
    "decimal": bson.Decimal128("45.00"),
    "long": bson.Int64(2**40),
    "binary": bson.Binary(b"\x00\xff", 128),
    "uuid": bson.Binary.from_uuid(uuid4()),
    "regex": bson.Regex("^a", "i"),
    "timestamp": bson.Timestamp(7, 1),
    "early": datetime(1901, 1, 1),  # noqa: DTZ001 - as BSON has it
    "ends": [bson.MinKey(), bson.MaxKey(), None, float("-inf"), {"": {"a.b": "$c"}}],
}


@pytest.fixture
def database() -> Iterator[Any]:
    """Give the tests' database; what they make of odd collections goes again."""
    database = connection.get_collection("users").database
    yield database
    for name in (ODD, "nothing in it"):
        database.drop_collection(name)


def test_what_mongorestore_reads_is_the_database(database: Any, shelf: Path, tmp_path: Path) -> None:
    """Field by field, by a reader of mongodump's format: odd names, an empty collection, every type, every index."""
    database[ODD].insert_one(EVERY_TYPE)
    database.create_collection("nothing in it")
    database[ODD].create_index([("a", 1), ("b", -1)], unique=True, partialFilterExpression={"a": {"$gt": 5}})
    database[ODD].create_index("at", expireAfterSeconds=60)
    there = {name: _by_id(list(database[name].find())) for name in database.list_collection_names()}
    call_command("backup_database", output=shelf)
    with tarfile.open(shelves.backups_in(shelf)[0].path, "r:gz") as opened:
        opened.extractall(tmp_path / "out", filter="data")

    dumped = dump_reader.read(tmp_path / "out")

    assert set(dumped) == {f"{database.name}.{name}" for name in there}
    for space, found in dumped.items():
        name = space.removeprefix(f"{database.name}.")
        assert _by_id(found.documents) == there[name], name
        assert found.indexes == [dict(index) for index in database[name].list_indexes()], name
    assert dumped[f"{database.name}.nothing in it"].documents == []
    assert dumped[f"{database.name}.{ODD}"].documents == [EVERY_TYPE]


def _by_id(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(documents, key=lambda document: repr(document["_id"]))


def test_the_manifest_says_how_it_is_of_one_moment(backup: Path) -> None:
    manifest = archive.verify(backup)

    assert (manifest.snapshot, manifest.consistency) == (True, "transaction")  # what the servers here have
    assert manifest.database == connection.settings_dict["NAME"]


def test_a_whole_backup_is_said_to_be_whole(backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_backup", str(backup))

    assert "is whole" in capsys.readouterr().out
    assert backup.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            damage.edit_file("orders.bson", damage.without_last_document),
            "orders.bson holds 0 documents, 1 were",
        ),
        (damage.edit_file("users.bson", damage.flipped), "users.bson is not what was written"),
        (damage.edit_file("users.bson", lambda content: content[:-1]), "the last document is cut off"),
        (damage.edit_file("users.bson", lambda _: b"\xff\xff\xff\x7f"), "says it has 2147483647 bytes"),
        (damage.edit_file("users.bson", lambda _: b"\x05\x00\x00\x00\x01"), "does not end where it should"),
        (damage.edit_file("users.metadata.json", lambda _: b"{}"), "users.metadata.json is not what was written"),
        (damage.rewritten(lambda members: [m for m in members if not m[0].name.endswith("users.bson")]), "is missing"),
        (damage.rewritten(lambda members: members[:-1]), "there is no manifest.json"),
        (damage.rewritten(lambda members: [*members, members[0]]), "is there twice"),
        (damage.add_file("userdb/more.bson", bson.encode({})), "does not belong to this backup"),
        (damage.add_file("../climbed.bson", bson.encode({})), NO_FILE),
        (damage.add_file("/etc/climbed.bson", bson.encode({})), NO_FILE),
        (damage.add_file("a/b/climbed.bson", bson.encode({})), NO_FILE),
        (
            damage.add_file("userdb/link.bson", kind=tarfile.SYMTYPE, link="/etc/passwd"),
            NO_FILE,
        ),
        (damage.add_file("userdb/hard.bson", kind=tarfile.LNKTYPE, link="x"), NO_FILE),
        (
            damage.replace_in("manifest.json", b'"format": 1', b'"format": 2'),
            "format 2 is not 1",
        ),
        (damage.edit_file("manifest.json", lambda _: b"[]"), "format None is not 1"),
        (damage.edit_file("manifest.json", lambda _: b"{"), "manifest.json"),
        (
            damage.replace_in("manifest.json", b'"format"', b'"more": 1, "format"'),
            "manifest.json",
        ),
        (damage.cut_file(0.5), "cannot be read to its end"),
        (damage.cut_file(0.999), "cannot be read to its end"),
        (damage.cut_file(0.0), "cannot be read to its end"),
        (damage.cut_last_piece, "its last piece is missing"),
        (damage.flip_byte(0.5), ""),
        (damage.no_backup_at_all, "cannot be read to its end"),
    ],
)
def test_a_damaged_backup_is_refused_by_what_is_wrong(backup: Path, spoil: Damage, said: str) -> None:
    spoil(backup)

    with pytest.raises(CommandError) as refused:
        call_command("verify_backup", str(backup))

    assert said in str(refused.value)
    assert "Use another backup" in str(refused.value)


def test_what_was_only_packed_anew_is_no_damage(backup: Path) -> None:
    """The control of the refusals above: what makes them is the damage, not the packing."""
    damage.rewritten(lambda members: members)(backup)

    assert archive.verify(backup).format == 1


def test_a_file_that_is_not_there_is_said_so(shelf: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_backup", str(shelf / "backup_20260101_000000.tar.gz"))


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_documents_are_counted_wherever_the_pieces_end(step: int) -> None:
    stream = b"".join(bson.encode({"number": number, "text": "x" * number}) for number in range(50))
    counter = DocumentCounter("numbers")

    for at in range(0, len(stream), step):
        counter.feed(stream[at : at + step])

    assert counter.close() == 50


def test_a_member_that_would_fill_the_memory_is_refused(shelf: Path) -> None:
    shelf.mkdir()
    path = shelf / "backup_20260101_000000.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w|") as opened:
        member = tarfile.TarInfo("manifest.json")
        member.size = archive.LARGEST_TEXT + 1
        with Path("/dev/zero").open("rb") as endless:
            opened.addfile(member, endless)

    with pytest.raises(Damaged, match="too large"):
        archive.verify(path)
