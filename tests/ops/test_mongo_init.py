"""The job that makes the database's users: run against a server, once, again, and while a password is changed."""

import io
import os
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

ROOT = Path(__file__).resolve().parents[2]
INIT = runpy.run_path(str(ROOT / "docker" / "mongo" / "init.py"))
USERS = ("app", "migrate", "backup", "monitor")
Document = dict[str, Any]


@pytest.fixture
def server() -> Iterator[MongoClient[Document]]:
    """Return the tests' server, without users and roles of ours before and after."""
    with MongoClient[Document](os.environ["MONGO_URI"]) as client:
        clear(client)
        yield client
        clear(client)


def clear(client: MongoClient[Document]) -> None:
    for user in client.admin.command("usersInfo", 1)["users"]:
        client.admin.command("dropUser", user["user"])
    for user in USERS:
        if client.admin.command("rolesInfo", f"cinema-{user}")["roles"]:
            client.admin.command("dropRole", f"cinema-{user}")


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write a secret; those of all users are there."""
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))

    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    for user in USERS:
        write(f"mongo_{user}", f"{user}:{user * 12}")
    return write


def prepare(server: MongoClient[Document], *, retiring: bool = False) -> None:
    INIT["prepare"](server, "userdb", retiring=retiring)


def users_of(server: MongoClient[Document]) -> dict[str, list[str]]:
    found = server.admin.command("usersInfo", 1)["users"]
    return {user["user"]: [role["role"] for role in user["roles"]] for user in found}


def test_each_user_has_the_one_role_that_is_for_it(server: MongoClient[Document], secret: object) -> None:
    prepare(server)

    assert users_of(server) == {user: [f"cinema-{user}"] for user in USERS}


def test_it_may_be_run_again(server: MongoClient[Document], secret: object) -> None:
    prepare(server)
    prepare(server)

    assert users_of(server) == {user: [f"cinema-{user}"] for user in USERS}


def test_a_role_that_was_widened_by_hand_is_put_right(server: MongoClient[Document], secret: object) -> None:
    prepare(server)
    before = server.admin.command("rolesInfo", "cinema-app", showPrivileges=True)["roles"]
    server.admin.command("updateRole", "cinema-app", privileges=[], roles=[{"role": "readWrite", "db": "userdb"}])

    prepare(server)

    assert server.admin.command("rolesInfo", "cinema-app", showPrivileges=True)["roles"] == before


def test_both_names_work_while_a_password_is_changed_and_the_old_one_goes_with_retire(
    server: MongoClient[Document], secret: Callable[[str, str], None]
) -> None:
    prepare(server)
    secret("mongo_app", "app-2:" + "n" * 40)

    prepare(server)
    assert {"app", "app-2"} <= set(users_of(server))

    prepare(server, retiring=True)
    assert set(users_of(server)) == {"app-2", "migrate", "backup", "monitor"}


@pytest.mark.parametrize("text", ["", "app", "app:short", ":" + "n" * 40])
def test_a_secret_of_another_shape_is_named_in_one_line(
    server: MongoClient[Document], secret: Callable[[str, str], None], text: str
) -> None:
    secret("mongo_app", text)

    with pytest.raises(SystemExit, match="mongo_app must hold one line, name:password"):
        prepare(server)


def test_the_new_root_password_is_read_from_standard_input_and_never_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(SystemExit, match="32 characters"):
        INIT["new_root_password"]()

    monkeypatch.setattr("sys.stdin", io.StringIO("n" * 40 + "\n"))
    assert INIT["new_root_password"]() == "n" * 40


class Door:
    """Stands in for the members: it takes one password, until it is told another."""

    takes = ""

    def __init__(self, *_members: object, password: str, **_options: object) -> None:
        self.admin, self.password = self, password

    def __class_getitem__(cls, _document: object) -> type["Door"]:
        return cls

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close nothing."""

    def command(self, name: str, _value: object = 1, **more: str) -> Document:
        if self.password != Door.takes:
            raise OperationFailure("Authentication failed.", INIT["NOT_AUTHENTICATED"])
        if name == "updateUser":
            Door.takes = more["pwd"]
        return {"ok": 1}


@pytest.mark.parametrize("counts", ["old", "new"], ids=["not yet changed", "cut off after the change"])
def test_a_change_of_the_root_password_is_finished_whichever_of_the_two_counts(
    secret: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, counts: str
) -> None:
    names = INIT["main"].__globals__
    monkeypatch.setitem(names, "MongoClient", Door)
    monkeypatch.setitem(names, "PATIENCE_SECONDS", 0.0)
    secret("mongo_root_password", "old" * 20)
    monkeypatch.setattr(Door, "takes", counts * 20)
    monkeypatch.setattr("sys.stdin", io.StringIO("new" * 20 + "\n"))

    INIT["main"](["--change-root"])

    assert Door.takes == "new" * 20


def test_the_application_may_add_to_the_logs_and_change_nothing_in_them() -> None:
    rights = {privilege["resource"]["collection"]: privilege["actions"] for privilege in roles()["app"]["privileges"]}
    assert [rights[name] for name in ("loginLogs", "securityLogs", "changeLog")] == [["find", "insert"]] * 3
    assert roles()["app"]["roles"] == []  # nothing beside these collections
    granted: dict[str, list[Any]] = {}
    for privilege in roles()["app"]["privileges"]:
        resource = privilege["resource"]
        granted.setdefault(resource["db"], []).append((resource["collection"], privilege["actions"]))
    assert granted.pop("userdb_control") == [("serving", ["find"])]  # which of the two serves, it is told
    assert set(granted) == {"userdb", "userdb_b"}
    assert granted["userdb"] == granted["userdb_b"]
    assert {action for actions in rights.values() for action in actions} == {"find", "insert", "update", "remove"}


def test_backups_read_the_application_and_write_the_scratch_database_and_their_own_note_alone() -> None:
    notes = roles()["backup"]["privileges"]
    assert [note["resource"] for note in notes] == [
        {"db": name, "collection": "backupState"} for name in ("userdb", "userdb_b")
    ]
    assert not any("remove" in note["actions"] for note in notes)
    granted = {(role["role"], role["db"]) for role in roles()["backup"]["roles"]}
    read = {("read", name) for name in ("userdb", "userdb_b", "userdb_control", "userdb_drill_control")}
    assert granted == {*read, ("readWrite", "userdb_drill"), ("dbAdmin", "userdb_drill")}


def test_nobody_may_read_the_users() -> None:
    for role in roles().values():
        assert {held["role"] for held in role["roles"]} <= {"read", "readWrite", "dbAdmin", "clusterMonitor"}
        assert ("read", "admin") not in {(held["role"], held["db"]) for held in role["roles"]}


def roles() -> dict[str, Document]:
    return INIT["roles"]("userdb")


class Members:
    """A first member that answers about its set with the error codes given, one a call."""

    def __init__(self, *codes: int) -> None:
        self.admin = self
        self.codes = list(codes)
        self.asked: list[tuple[str, Any]] = []

    def command(self, name: str, value: Any = 1, **more: Any) -> Document:
        self.asked.append((name, value))
        self.more = more
        if self.codes and (code := self.codes.pop(0)):
            raise OperationFailure("refused", code)
        return {"ok": 1}


def test_a_new_set_is_initiated_with_its_members_by_name() -> None:
    first = Members(INIT["NOT_YET_INITIALISED"])

    INIT["initiate"](first)

    (_status, (name, wanted)) = first.asked
    assert name == "replSetInitiate"
    assert wanted["_id"] == "rs0"
    assert [member["host"] for member in wanted["members"]] == ["mongo1:27017", "mongo2:27017", "mongo3:27017"]


@pytest.mark.parametrize("codes", [(0,), (94, 23)], ids=["initiated before", "initiated meanwhile"])
def test_a_set_that_is_there_stays_as_it_is(codes: tuple[int, ...]) -> None:
    INIT["initiate"](Members(*codes))


def test_an_upgraded_set_is_told_so_with_the_word_that_mongodb_wants() -> None:
    members = Members()

    INIT["raise_compatibility"](members, "8.2")

    assert members.asked == [("setFeatureCompatibilityVersion", "8.2")]
    assert members.more == {"confirm": True, "writeConcern": {"w": "majority"}}


def test_any_other_refusal_is_not_hidden() -> None:
    with pytest.raises(OperationFailure):
        INIT["initiate"](Members(18))
