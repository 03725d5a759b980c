"""`create_indexes` makes every index of the deployment plan, and `--check` names what differs."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.support import flush

DAY = 24 * 3600

# The plan's own list: collection, keys with their directions, uniqueness, expiry in seconds. `loginTime` stands in
# it twice, downwards for the newest first and upwards for the expiry: two indexes.
PLAN = [
    ("users", "phone_1", {"phone": 1}, True, None),
    ("users", "device.machineCode_1", {"device.machineCode": 1}, False, None),
    ("users", "account.status.code_1", {"account.status.code": 1}, False, None),
    ("users", "device.lastLoginTime_-1", {"device.lastLoginTime": -1}, False, None),
    ("users", "metadata.createdAt_-1", {"metadata.createdAt": -1}, False, None),
    ("users", "phone_1_account.status.code_1", {"phone": 1, "account.status.code": 1}, False, None),
    (
        "users",
        "device.machineCode_1_account.status.code_1",
        {"device.machineCode": 1, "account.status.code": 1},
        False,
        None,
    ),
    ("loginLogs", "phone_1_loginTime_-1", {"phone": 1, "loginTime": -1}, False, None),
    ("loginLogs", "loginTime_-1", {"loginTime": -1}, False, None),
    ("loginLogs", "machineCode_1_loginTime_-1", {"machineCode": 1, "loginTime": -1}, False, None),
    ("loginLogs", "loginTime_1", {"loginTime": 1}, False, 90 * DAY),
    ("securityLogs", "timestamp_1", {"timestamp": 1}, False, 180 * DAY),
]


@pytest.fixture
def no_indexes(db: None) -> Iterator[None]:
    """A database whose collections have lost their indexes; they are whole again afterwards."""
    for name in ("users", "loginLogs", "securityLogs"):
        connection.database[name].drop()
    yield
    for name in ("users", "loginLogs", "securityLogs"):
        connection.database[name].drop()
    flush.written.take()
    create()


def create() -> str:
    out = StringIO()
    call_command("create_indexes", stdout=out)
    return out.getvalue()


def check() -> tuple[int, list[str]]:
    """Return the exit status and the lines of `create_indexes --check`."""
    out = StringIO()
    try:
        call_command("create_indexes", "--check", stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("collection", "name", "keys", "unique", "expires"), PLAN, ids=[f"{row[0]}.{row[1]}" for row in PLAN]
)
def test_every_index_of_the_plan_is_made(
    no_indexes: None, collection: str, name: str, keys: dict[str, int], unique: bool, expires: int | None
) -> None:
    create()

    index = connection.database[collection].index_information()[name]

    assert list(index["key"]) == list(keys.items())
    assert (index.get("unique", False), index.get("expireAfterSeconds")) == (unique, expires)


def test_making_them_again_changes_nothing(no_indexes: None) -> None:
    create()
    before = connection.database["users"].index_information()

    create()

    assert connection.database["users"].index_information() == before
    assert check()[0] == 0


def test_the_check_names_missing_extra_and_different_indexes_and_changes_none(no_indexes: None) -> None:
    create()
    users, logs = connection.database["users"], connection.database["loginLogs"]
    users.drop_index("device.machineCode_1")
    users.create_index([("nickname", 1)], name="nickname_1")
    users.drop_index("phone_1")
    users.create_index([("phone", 1)], name="phone_1")
    logs.drop_index("loginTime_1")
    logs.create_index([("loginTime", 1)], name="loginTime_1", expireAfterSeconds=60)
    logs.drop_index("loginTime_-1")
    logs.create_index([("loginTime", -1)], name="newest")
    before = users.index_information(), logs.index_information()

    status, lines = check()

    assert status == 1
    assert lines == [
        "different: loginLogs.loginTime_-1 (named newest) is (loginTime: -1), should be (loginTime: -1)",
        (
            "different: loginLogs.loginTime_1 is (loginTime: 1 expires after 60 s), "
            "should be (loginTime: 1 expires after 7776000 s)"
        ),
        "different: users.phone_1 is (phone: 1), should be (phone: 1 unique)",
        "missing: users.device.machineCode_1 (device.machineCode: 1)",
        "extra: users.nickname_1 (nickname: 1)",
    ]
    assert (users.index_information(), logs.index_information()) == before


def test_a_collection_that_does_not_exist_yet_lacks_all_its_indexes(no_indexes: None) -> None:
    status, lines = check()

    assert status == 1
    assert "missing: users.phone_1 (phone: 1 unique)" in lines


def test_an_expiry_that_differs_is_set_right(no_indexes: None) -> None:
    create()
    logs = connection.database["loginLogs"]
    logs.drop_index("loginTime_1")
    logs.create_index([("loginTime", 1)], name="loginTime_1", expireAfterSeconds=60)

    create()

    assert logs.index_information()["loginTime_1"]["expireAfterSeconds"] == 90 * DAY


def test_an_index_with_another_key_is_left_to_a_person(no_indexes: None) -> None:
    create()
    users = connection.database["users"]
    users.drop_index("metadata.createdAt_-1")
    users.create_index([("metadata.createdAt", 1)], name="metadata.createdAt_-1")

    with pytest.raises(CommandError, match="1 indexes are not as the models say"):
        create()

    assert list(users.index_information()["metadata.createdAt_-1"]["key"]) == [("metadata.createdAt", 1)]


def test_two_accounts_with_one_phone_are_named_when_the_unique_index_cannot_be_made(no_indexes: None) -> None:
    connection.database["users"].insert_many([{"phone": "13800000002"}, {"phone": "13800000002"}])

    with pytest.raises(CommandError, match=r"users\.phone_1: two documents share a key"):
        create()
