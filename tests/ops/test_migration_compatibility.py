"""A schema grows in one release and shrinks in a later one, so that two releases serve on one database.

The release before works with this schema because migrations add and never take away; this release works with what
the one before writes because it reads documents that lack each field that a migration has ever added.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bson import ObjectId
from django.db.migrations import AddField, AddIndex, AlterField, CreateModel, Migration, RunPython
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.test import Client

from backend.accounts.models import User
from backend.core.mongo import collection
from backend.venues.models import Cinema
from tests.factories import make_cinema, make_hall, make_showtime, make_staff
from tests.support.fixtures import MakeTill
from tests.support.till import Till

# What the job may do again, and what the release before does not mind. AlterField: no other column, see below.
GROWING = (CreateModel, AddField, AddIndex, AlterField, RunPython)
# A migration that takes away what no release in service reads any more says which was the last to read it:
SHRINKS = "shrinks_after"  # shrinks_after = "cinema-app:7"
LATER = "addedLater"  # a field of a release that is not written yet
PAGES = ("accounts/user/", "accounts/user/{seller}/change/", "accounts/devicebinding/", "venues/cinema/")


def migrations() -> list[Migration]:
    loader = MigrationLoader(None)
    return [migration for (_app, _name), migration in sorted(loader.disk_migrations.items()) if ours(migration)]


def ours(migration: Migration) -> bool:
    return type(migration).__module__.startswith("backend.") and ".mongo_migrations." not in type(migration).__module__


def name_of(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"


@pytest.mark.parametrize("migration", migrations(), ids=name_of)
def test_a_migration_only_adds_or_says_after_which_release_it_takes_away(migration: Migration) -> None:
    shrinking = [operation for operation in migration.operations if not isinstance(operation, GROWING)]
    assert not shrinking or hasattr(migration, SHRINKS)
    for operation in migration.operations:
        if isinstance(operation, RunPython):
            assert operation.reversible or hasattr(migration, SHRINKS)


def test_no_field_changes_its_place_in_the_document() -> None:
    """An AlterField that renames a column is a removal: the release before looks at the old place."""
    columns: dict[tuple[str, str, str], str | None] = {}
    for migration in migrations():
        for operation in migration.operations:
            for model, name, field in fields_of(operation):
                key = (migration.app_label, model.lower(), name)
                column = field.db_column
                assert columns.setdefault(key, column) == column, f"{name_of(migration)} moves {key}"


def fields_of(operation: Operation) -> Iterator[tuple[str, str, object]]:
    if isinstance(operation, CreateModel):
        yield from ((operation.name, name, field) for name, field in operation.fields)
    elif isinstance(operation, AddField | AlterField):
        yield operation.model_name, operation.name, operation.field


def added() -> list[tuple[str, str]]:
    """Return each field that a migration added to documents that were there, as (collection, path)."""
    state = MigrationLoader(None).project_state()
    found = []
    for migration in migrations():
        for operation in migration.operations:
            if isinstance(operation, AddField):
                model = state.apps.get_model(migration.app_label, operation.model_name)
                column = model._meta.get_field(operation.name).column
                # An account is kept inside its user.
                place = (
                    ("users", f"account.{column}")
                    if operation.model_name == "account"
                    else (model._meta.db_table, column)
                )
                found.append(place)
    return found


def test_the_added_fields_are_found() -> None:
    assert {("users", "account.activationCode"), ("deviceBindings", "expiresAt"), ("cinemas", "networks")} <= {*added()}


def as_the_release_before_wrote_it() -> None:
    """Take every added field out of every document."""
    for table, path in added():
        collection(table).update_many({}, {"$unset": {path: ""}})
        assert collection(table).find_one({path: {"$exists": True}}) is None


@contextmanager
def as_the_release_after_leaves_it() -> Iterator[None]:
    """Give every document a field, and every collection an index, that this release does not know."""
    tables = [collection(table["name"]) for table in collection("users").database.list_collections()]
    for table in tables:
        table.update_many({}, {"$set": {LATER: {"by": "a newer release"}}})
        table.create_index(LATER)
    for inner in ("account", "device"):
        collection("users").update_many({inner: {"$type": "object"}}, {"$set": {f"{inner}.{LATER}": "newer"}})
    try:
        yield
    finally:
        for table in tables:
            table.drop_index(f"{LATER}_1")


def test_this_release_sells_on_the_schema_of_the_one_after_and_leaves_what_it_added(make_till: MakeTill) -> None:
    """That is the release before, on this schema: it knows as little of what was added since."""
    cinema = make_cinema()
    seller, colleague = (make_staff(cinemas=[cinema]) for _ in range(2))
    showtime = make_showtime(make_hall(cinema))
    till = make_till(seller).log_in()
    order = till.hold(showtime, "5-5")
    with as_the_release_after_leaves_it():
        till.pay(order)
        sell_and_log_in_again(till, make_till(colleague), showtime)

        user = collection("users").find_one({"phone": seller.phone})
        assert (user[LATER], user["account"][LATER], user["device"][LATER]) == (
            {"by": "a newer release"},
            "newer",
            "newer",
        )
        assert LATER in collection("orders").find_one({"_id": ObjectId(order["id"])})
        assert LATER in collection("seatMaps").find_one({"_id": showtime["_id"]})


def test_this_release_manages_on_the_schema_of_the_one_after_and_leaves_what_it_added(
    make_till: MakeTill, client: Client
) -> None:
    cinema = make_cinema()
    manager, seller = make_staff(role="manager", cinemas=[cinema]), make_staff(cinemas=[cinema])
    make_till(seller).log_in()
    with as_the_release_after_leaves_it():
        client.force_login(User.objects.get(pk=manager.id))
        for page in PAGES:
            assert client.get(f"/admin/{page.format(seller=seller.id)}").status_code == 200, page
        kept = Cinema.objects.get(pk=collection("cinemas").find_one({})["_id"])
        kept.address = "somewhere else"
        kept.save()

        assert collection("cinemas").find_one({"address": "somewhere else"})[LATER]
        assert client.get("/admin/").status_code == 200


def sell_and_log_in_again(till: Till, colleagues: Till, showtime: dict[str, object]) -> None:
    """Do what both releases must do on either schema."""
    assert till.refresh().status_code == 200
    assert till.log_out().status_code < 300
    till.log_in().sell(showtime, "5-6")
    colleagues.log_in().sell(showtime, "5-7")  # whose machine is bound only now


def test_who_sells_meets_documents_without_the_new_fields(make_till: MakeTill) -> None:
    cinema = make_cinema()
    seller, colleague = (make_staff(cinemas=[cinema]) for _ in range(2))
    showtime = make_showtime(make_hall(cinema))
    till = make_till(seller).log_in()
    as_the_release_before_wrote_it()

    till.sell(showtime, "5-5")
    sell_and_log_in_again(till, make_till(colleague), showtime)

    assert till.seat_states(showtime, "5-5", "5-6", "5-7") == ["sold"] * 3


def test_who_manages_meets_documents_without_the_new_fields(make_till: MakeTill, client: Client) -> None:
    cinema = make_cinema()
    manager, seller = make_staff(role="manager", cinemas=[cinema]), make_staff(cinemas=[cinema])
    make_till(seller).log_in()
    as_the_release_before_wrote_it()
    client.force_login(User.objects.get(pk=manager.id))

    for page in PAGES:
        assert client.get(f"/admin/{page.format(seller=seller.id)}").status_code == 200, page
