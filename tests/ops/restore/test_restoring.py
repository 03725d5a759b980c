"""After a restore of yesterday's backup: nobody has back what was taken from him today, and no seat is sold twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyrage
import pytest
from bson import ObjectId
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django_mongodb_backend.models import EmbeddedModel
from pymongo.errors import AutoReconnect
from redis.exceptions import RedisError

from backend.accounts.roles import ROLES
from backend.accounts.services import binding, forgetting, managing
from backend.boxoffice.ledger import breaches
from backend.core import clock, serving
from backend.core.indexes import MongoIndex
from backend.core.mongo import client, collection, database_name
from backend.core.redis import redis
from backend.ops import lease
from backend.ops.backup import archive
from backend.ops.restore import carrying, services, twins, withholding
from backend.programme.reopening import closed_showtimes
from backend.programme.services import change_showtime
from tests.factories import make_cinema, make_hall, make_showtime, make_staff
from tests.support.chain import actor
from tests.support.till import Till

BackUp = Callable[[], Path]
Restore = Callable[..., None]
PASSWORD = "a long enough password"


@pytest.fixture
def seller(live: str, make_till: Any) -> Till:
    """A seller who worked yesterday, and today."""
    return make_till(make_staff()).log_in()


def test_a_seat_sold_today_is_not_sold_again(seller: Till, backed_up: BackUp, restore: Restore) -> None:
    showtime = make_showtime()
    seller.sell(showtime, "1-1")
    file = backed_up()
    order = seller.sell(showtime, "1-2")

    restore(file)

    seller.log_in()
    assert seller.try_hold(showtime, "1-2").json()["code"] == "seats_taken"
    assert seller.get(f"/api/v2/orders/{order['id']}").json()["tickets"] == order["tickets"]
    seller.sell(showtime, "1-3")
    assert breaches(clock=clock.now, pause=0) == []


def test_it_is_without_the_carrying_over(
    seller: Till, backed_up: BackUp, restore: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with that guard off the same seat is sold a second time."""
    showtime = make_showtime()
    seller.sell(showtime, "1-1")
    file = backed_up()
    seller.sell(showtime, "1-2")
    monkeypatch.setattr(carrying, "carry", lambda *_args: 0)

    restore(file)

    seller.log_in()
    seller.sell(showtime, "1-2")


def test_a_seller_disabled_today_and_an_unbound_machine_stay_out(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore
) -> None:
    disabled, unbound, moved = (make_till(make_staff()).log_in() for _ in range(3))
    file = backed_up()
    disable(disabled)
    unbind(unbound)
    collection("users").update_one({"phone": moved.phone}, {"$set": {"role": "checker"}})

    restore(file)

    assert disabled.try_log_in().json()["code"] == "login_refused"
    assert unbound.try_log_in().json()["code"] == "login_refused"
    assert moved.log_in().get("/api/v2/session").json()["user"]["role"] == "checker"


def test_a_machine_bound_and_an_account_made_today_stay(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore
) -> None:
    first = make_till(make_staff())
    file = backed_up()
    first.log_in()
    second = make_till(make_staff()).log_in()

    restore(file)

    first.log_in()
    second.log_in()
    other = make_till(first.phone).try_log_in()
    assert other.json()["code"] == "login_refused"  # the window that was open yesterday is spent


def test_old_sessions_are_dead_whatever_redis_holds(seller: Till, backed_up: BackUp, restore: Restore) -> None:
    file = backed_up()
    assert seller.get("/api/v2/session").status_code == 200
    since = make_till_like(seller).log_in()  # a session that the backup never saw, with its copy in Redis
    assert since.get("/api/v2/session").status_code == 200
    assert redis().keys("live:*")  # type: ignore[union-attr]

    restore(file)

    assert redis().keys("live:*") == []  # type: ignore[union-attr]
    for till in (seller, since):
        answer = till.get("/api/v2/session")
        assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    assert since.refresh().status_code == 401


def test_a_manager_signs_in_anew(live: str, backed_up: BackUp, restore: Restore, client: Client) -> None:
    manager = make_staff("manager", password=PASSWORD)
    assert sign_in(client, manager.phone)
    file = backed_up()

    restore(file)

    assert client.get("/admin/").status_code == 302
    assert sign_in(client, manager.phone)


def test_todays_logs_are_there(seller: Till, backed_up: BackUp, restore: Restore) -> None:
    file = backed_up()
    unbind(seller)
    seller.try_log_in()
    before = logs()

    restore(file)

    assert {name: ids for name, ids in logs().items() if not before[name] <= ids} == {}
    assert collection("securityLogs").count_documents({"event": "database_restored"}) == 1


def test_a_payment_sent_again_gets_its_first_answer(seller: Till, backed_up: BackUp, restore: Restore) -> None:
    showtime = make_showtime()
    file = backed_up()
    order = seller.hold(showtime, "2-2")
    paid = seller.pay(order, idempotency_key="a press")

    restore(file)

    assert seller.log_in().pay(order, idempotency_key="a press") == paid


def test_what_a_till_saw_of_a_map_is_never_taken_for_the_new_one(
    seller: Till, backed_up: BackUp, restore: Restore
) -> None:
    showtime = make_showtime()
    seller.sell(showtime, "1-1")
    file = backed_up()
    seen = seller.get(f"/api/v2/showtimes/{showtime['_id']}/seat-map").headers["ETag"]

    restore(file)

    again = seller.log_in().get(f"/api/v2/showtimes/{showtime['_id']}/seat-map", headers={"If-None-Match": seen})
    assert again.status_code == 200


def test_what_was_lost_comes_back(seller: Till, backed_up: BackUp, restore: Restore) -> None:
    showtime = make_showtime()
    order = seller.sell(showtime, "1-1")
    file = backed_up()
    collection("films").drop()
    collection("showtimes").drop()
    collection("orders").delete_one({"_id": ObjectId(order["id"])})

    restore(file)

    seller.log_in()
    assert seller.get(f"/api/v2/orders/{order['id']}").json()["state"] == "paid"
    assert seller.seat_states(showtime, "1-1") == ["sold"]
    call_command("create_indexes", check=True)


def test_a_backup_of_an_earlier_release_is_migrated(
    seller: Till, backed_up: BackUp, restore: Restore, live: str
) -> None:
    last = {"app": "accounts", "name": "0003_reference_index"}
    done = collection("django_migrations").find_one_and_delete(last)
    collection("deviceBindings").drop_index("reference_1")
    file = backed_up()
    assert done is not None
    collection("django_migrations").insert_one(done)
    call_command("create_indexes", verbosity=0)

    restore(file)

    assert collection("django_migrations").count_documents(last) == 1
    call_command("create_indexes", check=True)


def test_an_encrypted_one_is_restored_by_who_has_the_identity(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, settings: Any, tmp_path: Path
) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n", encoding="utf-8")
    settings.BACKUP_AGE_RECIPIENT = str(identity.to_public())
    file = backed_up()

    with pytest.raises(CommandError, match="is encrypted"):
        restore(file)
    nothing_happened(live)

    settings.BACKUP_AGE_IDENTITY_FILE = str(tmp_path / "identity")
    restore(file)
    seller.log_in()


# --- where the former database cannot be read -----------------------------------------------------------------------
def test_without_the_former_database_every_machine_needs_approval(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore, client: Client
) -> None:
    chief, other = (make_staff("chain_manager", password=PASSWORD) for _ in range(2))
    disabled, unbound = (make_till(make_staff()).log_in() for _ in range(2))
    file = backed_up()
    disable(disabled)
    unbind(unbound)

    restore(file, without_former=True, manager=[chief.phone])

    for till in (disabled, unbound):
        assert till.try_log_in().status_code == 202
    assert not sign_in(client, other.phone)
    assert sign_in(client, chief.phone)
    assert collection("deviceBindings").count_documents({"state": "active"}) == 0


def test_without_it_the_showtimes_stay_closed_until_a_manager_opens_them_by_name(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore, capsys: pytest.CaptureFixture[str]
) -> None:
    chief = make_staff("chain_manager", password=PASSWORD)
    till = make_till(make_staff()).log_in()
    showtime, other = make_showtime(), make_showtime()
    until = {each["_id"]: each["salesEndAt"] for each in (showtime, other)}
    file = backed_up()
    till.sell(showtime, "1-1")

    restore(file, without_former=True, manager=[chief.phone])

    assert capsys.readouterr().out.count("Closed for sale: ") == 2
    approve(till)
    assert till.log_in().try_hold(showtime, "1-1").json()["code"] == "sales_closed"

    call_command("reconcile_sales", open=[str(other["_id"])])

    till.hold(other, "1-1")
    assert collection("showtimes").find_one({"_id": other["_id"]})["salesEndAt"] == until[other["_id"]]
    assert till.try_hold(showtime, "1-1").json()["code"] == "sales_closed"
    assert collection("changeLog").count_documents({"action": "showtime_opened", "target": str(other["_id"])}) == 1


def test_a_manager_opens_those_of_his_cinemas_in_the_office(
    live: str, backed_up: BackUp, restore: Restore, client: Client
) -> None:
    here, elsewhere = make_cinema(), make_cinema()
    manager = make_staff("manager", password=PASSWORD, cinemas=[here])
    closed = [make_showtime(make_hall(cinema)) for cinema in (here, elsewhere)]
    restore(backed_up(), without_former=True, manager=[manager.phone])
    assert sign_in(client, manager.phone)

    page = client.get("/admin/programme/showtime/?sale=closed").content.decode()
    assert str(closed[0]["_id"]) in page
    assert str(closed[1]["_id"]) not in page
    chosen = {"action": "sell_again", "_selected_action": [str(show["_id"]) for show in closed]}
    client.post("/admin/programme/showtime/", chosen)

    assert [show["_id"] for show in closed_showtimes()] == [closed[1]["_id"]]
    other = collection("showtimes").find_one({"_id": closed[1]["_id"]})
    change = {"prices": other["prices"], "by": None, "now": clock.now()}
    change_showtime(other["_id"], sales_end_at=other["salesEndAt"], **change)  # its prices alone
    assert closed_showtimes()
    change_showtime(other["_id"], sales_end_at=closed[1]["salesEndAt"], **change)
    assert closed_showtimes() == []
    assert collection("changeLog").find_one({"action": "showtime_opened"})["byPhone"] == manager.phone


def test_a_former_database_that_turns_up_reconciles_them(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore
) -> None:
    chief = make_staff("chain_manager", password=PASSWORD)
    till = make_till(make_staff()).log_in()
    showtime = make_showtime()
    file = backed_up()
    sold = till.sell(showtime, "1-1")
    restore(file, without_former=True, manager=[chief.phone])

    call_command("reconcile_sales", source=live)

    approve(till)
    assert till.log_in().try_hold(showtime, "1-1").json()["code"] == "seats_taken"
    till.sell(showtime, "1-2")
    assert till.get(f"/api/v2/orders/{sold['id']}").json()["tickets"] == sold["tickets"]
    assert breaches(clock=clock.now, pause=0) == []


def test_a_showtime_whose_sales_do_not_agree_stays_closed(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore, capsys: pytest.CaptureFixture[str]
) -> None:
    chief = make_staff("chain_manager", password=PASSWORD)
    till = make_till(make_staff()).log_in()
    agreeing, broken = make_showtime(), make_showtime()
    file = backed_up()
    till.sell(agreeing, "1-1")
    till.sell(broken, "1-1")
    collection("orders").update_one({"showtime": broken["_id"]}, {"$set": {"payments": []}})
    restore(file, without_former=True, manager=[chief.phone])
    capsys.readouterr()

    with pytest.raises(CommandError, match="1 showtimes stay closed"):
        call_command("reconcile_sales", source=live)

    said = capsys.readouterr()
    assert "the payments do not add up" in said.err
    assert str(broken["_id"]) in said.out  # in the list of what is closed
    assert [show["_id"] for show in closed_showtimes()] == [broken["_id"]]


def test_somebody_must_be_able_to_approve(seller: Till, live: str, backed_up: BackUp, restore: Restore) -> None:
    file = backed_up()

    for managers in ([], [make_staff("manager").phone], [make_staff("seller").phone]):  # none, and none of yesterday
        with pytest.raises(CommandError, match="--manager"):
            restore(file, without_former=True, manager=managers)

    nothing_happened(live)


def test_what_was_lost_and_made_anew_keeps_the_name_and_the_backup_s_gives_way(
    seller: Till, backed_up: BackUp, restore: Restore, capsys: pytest.CaptureFixture[str]
) -> None:
    showtime = make_showtime()
    order = seller.sell(showtime, "1-1")
    file = backed_up()
    anew = {}
    for name in twins.KEYS:
        document = collection(name).find_one_and_delete({})
        assert document is not None
        anew[name] = {**document, "_id": ObjectId()}
        collection(name).insert_one(anew[name])

    restore(file)

    said = capsys.readouterr()
    for name, members in twins.KEYS.items():
        kept = collection(name).find_one({member: anew[name][member] for member in members})
        assert kept is not None
        assert kept["_id"] == anew[name]["_id"]
        assert collection(name).count_documents({}) == (1 if name in twins.LEFT_OUT else 2)
        assert f"{anew[name]['_id']} keeps it" in said.err
    assert [show["_id"] for show in closed_showtimes()] == [showtime["_id"]]
    assert collection("orders").find_one({"_id": ObjectId(order["id"])})["showtime"] == showtime["_id"]


def test_names_that_were_changed_and_given_away_are_todays(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore
) -> None:
    shows = [make_showtime(), make_showtime()]
    people = [make_staff(), make_staff()]
    file = backed_up()
    first, second = (collection("films").find_one({"_id": show["film"]}) for show in shows)
    swap("films", "title", first, second)
    swap("users", "phone", *(collection("users").find_one({"_id": person.id}) for person in people))
    collection("halls").update_one({"_id": shows[0]["hall"]}, {"$set": {"name": "IMAX"}})
    imax = {"_id": ObjectId(), "cinema": shows[0]["cinema"], "name": shows[0]["hallName"]}
    hall = collection("halls").find_one({"_id": shows[0]["hall"]})
    assert hall is not None
    collection("halls").insert_one({**hall, **imax})

    restore(file)

    assert collection("films").find_one({"_id": first["_id"]})["title"] == second["title"]
    assert collection("users").find_one({"_id": people[0].id})["phone"] == people[1].phone
    assert collection("halls").find_one({"_id": shows[0]["hall"]})["name"] == "IMAX"
    assert collection("halls").find_one({"_id": imax["_id"]})["name"] == shows[0]["hallName"]


def swap(name: str, member: str, one: Any, other: Any) -> None:
    for document, value in ((one, "meanwhile"), (other, one[member]), (one, other[member])):
        collection(name).update_one({"_id": document["_id"]}, {"$set": {member: value}})


def test_two_orders_of_one_number_are_named(seller: Till, backed_up: BackUp, restore: Restore, live: str) -> None:
    order = seller.sell(make_showtime(), "1-1")
    file = backed_up()
    document = collection("orders").find_one_and_delete({})
    assert document is not None
    other = ObjectId()
    collection("orders").insert_one({**document, "_id": other})

    with pytest.raises(CommandError, match=f"two of orders are .*: {other} and the backup's {order['id']}"):
        restore(file)

    nothing_happened(live)


def test_every_unique_key_has_its_policy() -> None:
    unique = {
        (model._meta.db_table, tuple(path for path, _direction in index.keys))
        for model in apps.get_models()
        for index in model._meta.indexes
        if isinstance(index, MongoIndex) and index.unique and model._meta.db_table in carrying.RULES
    }
    assert unique == {*twins.KEYS.items(), ("orders", ("number",)), ("orders", ("tickets.number",))}


@pytest.mark.parametrize("trace", ["orders", "seatMaps", "idempotencyKeys"])
def test_a_former_database_that_lost_sales_itself_keeps_its_cinema_closed(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore, capsys: pytest.CaptureFixture[str], trace: str
) -> None:
    till = make_till(make_staff()).log_in()
    lost, whole = make_showtime(), make_showtime()
    first = till.sell(lost, "1-1") if trace != "idempotencyKeys" else None
    till.sell(whole, "1-1")
    file = backed_up()
    order = till.sell(lost, "1-2")
    if trace != "seatMaps":
        collection("orders").delete_many({"showtime": lost["_id"]})
        collection("seatMaps").update_one({"_id": lost["_id"]}, {"$set": {"seats": {}}})
    else:
        collection("orders").delete_one({"_id": ObjectId(order["id"])})
        collection("seatMaps").delete_one({"_id": lost["_id"]})
        collection("idempotencyKeys").delete_many({})
    if trace == "orders":
        collection("seatMaps").delete_one({"_id": lost["_id"]})
        collection("idempotencyKeys").delete_many({})

    restore(file)

    assert "Closed for sale: " in capsys.readouterr().out
    assert till.log_in().try_hold(lost, "1-2").json()["code"] == "sales_closed"
    if first is not None:  # only an answer that names no cinema closes them all
        till.sell(whole, "1-2")


def test_a_source_that_cannot_know_opens_nothing(
    live: str, make_till: Any, backed_up: BackUp, restore: Restore
) -> None:
    chief = make_staff("chain_manager", password=PASSWORD)
    till = make_till(make_staff()).log_in()
    showtime = make_showtime()
    till.sell(showtime, "1-1")
    file = backed_up()
    till.sell(showtime, "1-2")
    look = f"{live}_look"
    try:
        restore(file, target_db=look)
        restore(file, without_former=True, manager=[chief.phone])
        for source in ("a b", "", "a/b", "admin"):
            with pytest.raises(CommandError, match="is no other database"):
                call_command("reconcile_sales", source=source)

        with pytest.raises(CommandError, match="no younger than the backup"):
            call_command("reconcile_sales", source=look)
        client()[look]["orders"].delete_many({})
        with pytest.raises(CommandError, match="has lost sales itself"):
            call_command("reconcile_sales", source=look)
        client()[look]["showtimes"].delete_many({})
        with pytest.raises(CommandError, match="does not know the showtime"):
            call_command("reconcile_sales", source=look)
    finally:
        client().drop_database(look)
    assert [show["_id"] for show in closed_showtimes()] == [showtime["_id"]]


# --- what refuses, and touches nothing ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a b", "", "a/b", "admin", "config", "local"])
def test_a_target_that_is_no_database_of_ours(tmp_path: Path, restore: Restore, name: str) -> None:
    with pytest.raises(CommandError, match="no name for a database"):
        restore(tmp_path / "none", target_db=name, drop=True)


def test_a_database_that_does_not_answer_is_one_line(
    tmp_path: Path, restore: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_server: Any) -> Any:
        raise AutoReconnect("away")

    with monkeypatch.context() as patched:
        patched.setattr(serving, "read", away)
        for options in ({}, {"target_db": "look"}):
            with pytest.raises(CommandError, match="does not answer"):
                restore(tmp_path / "none", **options)


def test_what_is_of_a_later_release_demo_data_or_empty_is_refused(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = archive.verify(backed_up())
    later = {"app": "vouchers", "name": "0001_initial"}
    collection("django_migrations").insert_one(dict(later))
    collection("appState").insert_one({"_id": "demo"})
    try:
        of_later = backed_up()
        collection("django_migrations").delete_one(later)
        of_demo = backed_up()
    finally:
        collection("django_migrations").delete_one(later)
        collection("appState").delete_one({"_id": "demo"})

    with pytest.raises(CommandError, match="later release"):
        restore(of_later)
    settings.ENVIRONMENT = "prod"
    with pytest.raises(CommandError, match="demo data"):
        restore(of_demo)
    for needed in ("users", "django_migrations"):
        files = {path: file for path, file in manifest.files.items() if not path.endswith(f"{needed}.bson")}
        without = msgspec.structs.replace(manifest, files=files)
        monkeypatch.setattr(archive, "verify", lambda _file, kept=without: kept)
        with pytest.raises(CommandError, match=f"has no {needed}"):
            restore(of_demo)
    nothing_happened(live)


def test_it_asks_before_it_replaces(
    seller: Till, backed_up: BackUp, restore: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up()
    monkeypatch.setattr("builtins.input", lambda _question: "no")

    with pytest.raises(CommandError, match="Nothing was done"):
        restore(file, yes=False)
    assert seller.get("/api/v2/session").status_code == 200

    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    restore(file, yes=False)
    assert seller.get("/api/v2/session").status_code == 401


def test_a_ledger_that_does_not_agree_switches_nothing(
    seller: Till, backed_up: BackUp, restore: Restore, live: str
) -> None:
    seller.sell(make_showtime(), "1-1")
    file = backed_up()
    collection("seatMaps").update_many({}, {"$unset": {"seats.1-1": ""}})

    with pytest.raises(CommandError, match="do not agree"):
        restore(file)

    nothing_happened(live)
    assert seller.get("/api/v2/session").status_code == 200


def test_a_redis_that_does_not_answer_switches_nothing(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def scan_iter(self, **_options: Any) -> Any:
            raise RedisError("away")

    file = backed_up()
    monkeypatch.setattr(forgetting, "redis", Away)

    with pytest.raises(CommandError, match="Redis does not answer"):
        restore(file)

    nothing_happened(live)


def test_two_restores_are_not_one(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up()
    monkeypatch.setattr(services, "PATIENCE_SECONDS", 0)

    with (
        lease.held("restore", wait=0, leases=client()[f"{live}_control"]["leases"]),
        pytest.raises(CommandError, match="another restore runs"),
    ):
        restore(file)

    nothing_happened(live)


def test_one_that_slept_longer_than_its_lease_does_no_step_more(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up()
    steering = client()[f"{live}_control"]

    def while_it_sleeps(_restored: Any) -> None:
        steering["leases"].update_one({"_id": "restore"}, {"$set": {"holder": "another"}})

    monkeypatch.setattr(withholding, "renew_maps", while_it_sleeps)

    with pytest.raises(CommandError, match="lease"):
        restore(file)

    said = serving.read(client())  # all of it is the other's now
    assert (said.database, said.filling) == (live, f"{live}_b")
    assert said.maintenance is not None
    assert f"{live}_b" in client().list_database_names()


def test_maintenance_of_ops_goes_on_after_it(seller: Till, backed_up: BackUp, restore: Restore, live: str) -> None:
    file = backed_up()
    call_command("maintenance", "on", reason="new disks")

    restore(file)

    assert database_name() == f"{live}_b"
    assert seller.try_log_in().json()["code"] == "maintenance"
    call_command("maintenance", "off")
    seller.log_in()


@pytest.mark.parametrize("whose", ["restore", "ops"])
def test_maintenance_that_ends_meanwhile_lets_no_seat_be_sold_twice(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    showtime = make_showtime()
    file = backed_up()
    if whose == "ops":
        call_command("maintenance", "on", reason="new disks")
    before_the_ledger = services._refuse_breaches

    def while_it_runs(now: Any) -> None:
        before_the_ledger(now)
        with serving.using(live):
            with pytest.raises(CommandError, match="A restore runs"):
                call_command("maintenance", "off")
            call_command("maintenance", "off", restore_is_dead=True)
            seller.log_in().sell(showtime, "1-2")
            if whose == "ops":
                call_command("maintenance", "on", reason="new disks again")

    monkeypatch.setattr(services, "_refuse_breaches", while_it_runs)

    with pytest.raises(CommandError, match="maintenance was ended meanwhile"):
        restore(file)

    call_command("maintenance", "off")
    nothing_happened(live)
    assert seller.try_hold(showtime, "1-2").json()["code"] == "seats_taken"


def test_a_killed_restore_s_maintenance_ends_by_hand_once_its_lease_ran_out(seller: Till, live: str) -> None:
    serving.enter_maintenance(key="restore", reason="restore", now=clock.now())
    with (
        lease.held("restore", wait=0, leases=serving.steering_leases(client())),
        pytest.raises(CommandError, match="A restore runs"),
    ):
        call_command("maintenance", "off")
    assert seller.get("/api/v2/session").status_code == 503

    call_command("maintenance", "off")

    assert seller.get("/api/v2/session").status_code == 200


def test_a_damaged_backup_does_not_even_begin(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up()
    file.write_bytes(file.read_bytes()[:-100])
    monkeypatch.setattr(serving, "enter_maintenance", None)

    with pytest.raises(CommandError, match="cannot be used"):
        restore(file)

    nothing_happened(live)


def test_what_the_last_restore_kept_is_not_dropped_unasked(
    seller: Till, backed_up: BackUp, restore: Restore, live: str
) -> None:
    file = backed_up()
    client()[f"{live}_b"]["users"].insert_one({"name": "somebody's"})

    with pytest.raises(CommandError, match="is not empty"):
        restore(file)
    assert client()[f"{live}_b"]["users"].count_documents({}) == 1

    restore(file, drop=True)
    assert database_name() == f"{live}_b"
    assert live in client().list_database_names()  # and this one is kept now
    kept = serving.read(client()).kept
    assert kept is not None
    assert kept.database == live


def test_one_can_be_looked_at_beside_the_live_one(
    seller: Till, backed_up: BackUp, restore: Restore, live: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = backed_up()
    try:
        restore(file, target_db=f"{live}_look")
        assert "its ledger agrees" in capsys.readouterr().out
        assert client()[f"{live}_look"]["users"].count_documents({}) == collection("users").count_documents({})
        with pytest.raises(CommandError, match="not empty"):
            restore(file, target_db=f"{live}_look")
        restore(file, target_db=f"{live}_look", drop=True)
    finally:
        client().drop_database(f"{live}_look")
    with pytest.raises(CommandError, match="name another"):
        restore(file, target_db=live, drop=True)
    nothing_happened(live)
    assert seller.get("/api/v2/session").status_code == 200


def test_every_collection_of_the_product_has_its_rule() -> None:
    """A collection that is in no list is one that nobody thought about."""
    models = apps.get_models(include_auto_created=True)
    tables = {model._meta.db_table for model in models if not issubclass(model, EmbeddedModel)}
    as_backed_up = {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "django_content_type",
    }

    no_models = {"leases", *carrying.NOTES}
    assert tables == {*carrying.RULES, *carrying.MARKS, *carrying.EMPTIED, *as_backed_up} - no_models


def nothing_happened(live: str) -> None:
    said = serving.read(client())
    assert (said.database, said.maintenance, said.filling) == (live, None, "")
    assert f"{live}_b" not in client().list_database_names()


def disable(till: Till) -> None:
    user = collection("users").find_one({"phone": till.phone})
    managing.change_account(user["_id"], changes={"status": "disabled"}, by=None, now=clock.now())


def unbind(till: Till) -> None:
    user = collection("users").find_one({"phone": till.phone})
    managing.unbind_device(user["_id"], reason="lost", by=None, now=clock.now())


def approve(till: Till) -> None:
    """Let the till's machine wait, and let a manager approve it."""
    reference = till.try_log_in().json()["reference"]
    row = collection("deviceBindings").find_one({"reference": reference})
    binding.approve_binding(row["_id"], by=actor("chain_manager", rank=ROLES["chain_manager"].rank), now=clock.now())


def make_till_like(till: Till) -> Till:
    """Return another till object of the same person on the same machine."""
    return Till(till.send, origin=till.origin, phone=till.phone, key=till.key, machine_code=till.machine_code)


def logs() -> dict[str, set[ObjectId]]:
    return {name: set(collection(name).distinct("_id")) for name in carrying.LOGS}


def sign_in(client: Client, phone: str) -> bool:
    client.cookies.clear()
    client.post("/admin/login/", {"username": phone, "password": PASSWORD, "next": "/admin/"})
    return client.get("/admin/").status_code == 200
