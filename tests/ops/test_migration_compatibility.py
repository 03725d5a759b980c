"""A schema grows in one release and shrinks in a later one, so that two releases serve on one database.

The release before works with this schema because migrations add and never take away; this release works with what
the one before writes because it reads documents that lack each field that a migration has ever added.
"""

from collections.abc import Iterator

import pytest
from django.db.migrations import AddField, AddIndex, AlterField, CreateModel, Migration, RunPython
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.test import Client

from backend.accounts.models import User
from backend.core.mongo import collection
from tests.factories import make_cinema, make_hall, make_showtime, make_staff
from tests.support.fixtures import MakeTill

# What the job may do again, and what the release before does not mind. AlterField: no other column, see below.
GROWING = (CreateModel, AddField, AddIndex, AlterField, RunPython)
# A migration that takes away what no release in service reads any more says which was the last to read it:
SHRINKS = "shrinks_after"  # shrinks_after = "cinema-app:7"


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


def test_who_sells_meets_documents_without_the_new_fields(make_till: MakeTill) -> None:
    cinema = make_cinema()
    seller, colleague = (make_staff(cinemas=[cinema]) for _ in range(2))
    showtime = make_showtime(make_hall(cinema))
    till = make_till(seller).log_in()
    as_the_release_before_wrote_it()

    till.sell(showtime, "5-5")
    assert till.refresh().status_code == 200
    assert till.log_out().status_code < 300
    till.log_in().sell(showtime, "5-6")
    make_till(colleague).log_in().sell(showtime, "5-7")  # whose machine is bound only now

    assert till.seat_states(showtime, "5-5", "5-6", "5-7") == ["sold"] * 3


def test_who_manages_meets_documents_without_the_new_fields(make_till: MakeTill, client: Client) -> None:
    cinema = make_cinema()
    manager, seller = make_staff(role="manager", cinemas=[cinema]), make_staff(cinemas=[cinema])
    make_till(seller).log_in()
    as_the_release_before_wrote_it()
    client.force_login(User.objects.get(pk=manager.id))

    for page in ("accounts/user/", f"accounts/user/{seller.id}/change/", "accounts/devicebinding/", "venues/cinema/"):
        assert client.get(f"/admin/{page}").status_code == 200, page
