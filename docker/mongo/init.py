"""Make the replica set and its users. A one-shot job; it may be run again at any time, and then mends what differs.

Each credential is a secret of one line, `name:password`: a second name beside the first is how a password is changed
while both still work. `--retire` then drops the users of our roles that no secret names any more. After an upgrade
of all members `--compatibility=8.2` lets them store what only the new version knows.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

Document = dict[str, Any]

MEMBERS = ("mongo1:27017", "mongo2:27017", "mongo3:27017")
REPLICA_SET = "rs0"
PATIENCE_SECONDS = 180.0
NOT_YET_INITIALISED, ALREADY_INITIALISED, NO_ROLE, NO_USER, NOT_AUTHENTICATED = 94, 23, 31, 11, 18

READ = ("find",)
APPEND = ("find", "insert")  # what was logged stays, whoever takes the application over
CHANGE = ("find", "insert", "update", "remove")
# Every collection of the application, by name: one that is not here is out of its reach.
APP_COLLECTIONS: Mapping[str, Sequence[str]] = {
    "loginLogs": APPEND,
    "securityLogs": APPEND,
    "changeLog": APPEND,
    "django_admin_log": APPEND,
    "appState": READ,
    "auth_group": READ,
    "auth_group_permissions": READ,
    "auth_permission": READ,
    "backupState": READ,
    "django_content_type": READ,
    "bindingQueues": CHANGE,
    "cinemas": CHANGE,
    "clientReleases": CHANGE,
    "deviceBindings": CHANGE,
    "django_session": CHANGE,
    "dpopReplays": CHANGE,
    "films": CHANGE,
    "hallLayouts": CHANGE,
    "hallSchedules": CHANGE,
    "halls": CHANGE,
    "idempotencyKeys": CHANGE,
    "orders": CHANGE,
    "seatMaps": CHANGE,
    "showtimes": CHANGE,
    "staffSessions": CHANGE,
    "users": CHANGE,
}


def roles(database: str) -> dict[str, Document]:
    """Return our roles by the user that has each, as `createRole` takes them; the database is the application's.

    After a restore it is another one: two take turns, and a third says which of them serves.
    """
    turns, control = (database, f"{database}_b"), f"{database}_control"
    scratch, look = f"{database}_drill", f"{database}_look"  # where a restore is tried out, where a backup is looked at
    return {
        "app": {
            "privileges": [
                *(
                    {"resource": {"db": each, "collection": collection}, "actions": list(actions)}
                    for each in turns
                    for collection, actions in APP_COLLECTIONS.items()
                ),
                {"resource": {"db": control, "collection": "serving"}, "actions": list(READ)},
            ],
            "roles": [],
        },
        "migrate": {
            "privileges": [],
            "roles": [
                {"role": role, "db": each} for each in (*turns, control, look) for role in ("readWrite", "dbAdmin")
            ],
        },
        # Not the built-in role of that name, which reads every database with its users and their keys.
        "backup": {
            "privileges": [  # managers see when the last backup was
                {"resource": {"db": each, "collection": "backupState"}, "actions": ["find", "insert", "update"]}
                for each in turns
            ],
            "roles": [
                *({"role": "read", "db": each} for each in (*turns, control, f"{scratch}_control")),
                {"role": "readWrite", "db": scratch},
                {"role": "dbAdmin", "db": scratch},
            ],
        },
        "monitor": {
            "privileges": [],
            "roles": [{"role": "clusterMonitor", "db": "admin"}, {"role": "read", "db": "local"}],
        },
    }


def role_name(user: str) -> str:
    """Return what our role for `user` is called; MongoDB's own have names like `backup`."""
    return f"cinema-{user}"


def credential(name: str) -> tuple[str, str]:
    """Return user and password of the secret `name`; exits with a line where it is none."""
    file = Path(os.environ.get("SECRETS_DIR", "/run/secrets")) / name
    try:
        user, colon, password = file.read_text(encoding="utf-8").strip().partition(":")
    except OSError as error:
        sys.exit(f"{file}: {error.strerror}")
    if not user or not colon or len(password) < 32:
        sys.exit(f"{file} must hold one line, name:password, with a password of 32 characters or more.")
    return user, password


def initiate(client: MongoClient[Document]) -> None:
    """Initiate the replica set through its first member where nobody has yet."""
    members = [{"_id": number, "host": host} for number, host in enumerate(MEMBERS)]
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALISED:
            raise
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            print(f"Initiated {REPLICA_SET}: {', '.join(MEMBERS)}", flush=True)
        except OperationFailure as initiating:
            if initiating.code != ALREADY_INITIALISED:
                raise


def ensure_role(client: MongoClient[Document], user: str, role: Document) -> None:
    """Make our role for `user`, or give it exactly these rights again."""
    try:
        client.admin.command("updateRole", role_name(user), **role)
    except OperationFailure as error:
        if error.code != NO_ROLE:
            raise
        client.admin.command("createRole", role_name(user), **role)


def ensure_user(client: MongoClient[Document], name: str, password: str, role: str) -> None:
    """Make the user `name`, or give it this password and this one role again."""
    rights: Document = {"pwd": password, "roles": [{"role": role, "db": "admin"}]}
    try:
        client.admin.command("updateUser", name, **rights)
    except OperationFailure as error:
        if error.code != NO_USER:
            raise
        client.admin.command("createUser", name, **rights)


def retire(client: MongoClient[Document], keep: Mapping[str, str]) -> None:
    """Drop every user of our roles but those whom a secret names: `keep` says by role who stays."""
    for user in client.admin.command("usersInfo")["users"]:
        held = {role["role"] for role in user["roles"]}
        if any(role in held and user["user"] != name for role, name in keep.items()):
            client.admin.command("dropUser", user["user"])
            print(f"Dropped the user {user['user']}", flush=True)


def prepare(client: MongoClient[Document], database: str, *, retiring: bool) -> None:
    """Make roles and users on a primary."""
    keep = {}
    for user, role in roles(database).items():
        ensure_role(client, user, role)
        name, password = credential(f"mongo_{user}")
        ensure_user(client, name, password, role_name(user))
        keep[role_name(user)] = name
    print(f"Users: {', '.join(keep.values())}", flush=True)
    if retiring:
        retire(client, keep)


def new_root_password() -> str:
    """Return the password that stands on standard input; exits with a line where it is short."""
    password = sys.stdin.readline().strip()
    if len(password) < 32:
        sys.exit("The new password must have 32 characters or more.")
    return password


def accepted(options: Document, *passwords: str) -> str:
    """Return the first of `passwords` that the first member takes; raises PyMongoError where it takes none."""
    for password in passwords:
        with MongoClient[Document](MEMBERS[0], directConnection=True, password=password, **options) as first:
            try:
                first.admin.command("ping")
            except OperationFailure as error:
                if error.code != NOT_AUTHENTICATED or password == passwords[-1]:
                    raise
            else:
                return password
    raise ValueError("no password")


def change_root(client: MongoClient[Document], user: str, password: str) -> None:
    """Give the first user this password, which it may have already."""
    client.admin.command("updateUser", user, pwd=password)
    print(f"Changed the password of {user}", flush=True)


def raise_compatibility(client: MongoClient[Document], version: str) -> None:
    """Let the set store what only `version` and later know; MongoDB refuses while a member is older."""
    client.admin.command("setFeatureCompatibilityVersion", version, confirm=True, writeConcern={"w": "majority"})
    print(f"Compatible with {version} and later alone", flush=True)


def patiently(what: str, *, seconds: float, attempt: Callable[[], object]) -> None:
    """Call `attempt` until it succeeds; exits with a line when it still fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
        except PyMongoError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{what}: {error}")
            time.sleep(2)
        else:
            return


def main(arguments: Sequence[str]) -> None:
    """Do it all; `--retire` drops former users, `--change-root` and `--compatibility=` do that alone instead."""
    user = os.environ.get("MONGO_ROOT_USER", "root")
    file = Path(os.environ.get("SECRETS_DIR", "/run/secrets")) / "mongo_root_password"
    passwords = [file.read_text(encoding="utf-8").strip()]
    if "--change-root" in arguments:
        passwords.append(new_root_password())  # which counts already, where an earlier change was cut off just then
    options: Document = {"username": user, "serverSelectionTimeoutMS": 5000}
    taken: list[str] = []
    patiently("The first member", seconds=PATIENCE_SECONDS, attempt=lambda: taken.append(accepted(options, *passwords)))
    options["password"] = taken[-1]
    with MongoClient[Document](MEMBERS[0], directConnection=True, **options) as first:
        patiently("The replica set", seconds=PATIENCE_SECONDS, attempt=lambda: initiate(first))
    with MongoClient[Document](list(MEMBERS), replicaSet=REPLICA_SET, w="majority", **options) as client:
        patiently("The primary", seconds=PATIENCE_SECONDS, attempt=lambda: client.admin.command("ping"))
        if "--change-root" in arguments:
            change_root(client, user, passwords[-1])
        elif wanted := [word.partition("=")[2] for word in arguments if word.startswith("--compatibility=")]:
            raise_compatibility(client, wanted[-1])
        else:
            prepare(client, os.environ.get("MONGO_DB", "userdb"), retiring="--retire" in arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
