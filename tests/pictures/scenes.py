"""The scenes in which pictures are taken, in the order of a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.pictures.studio import (
    MANAGER,
    OTHER_SELLER,
    PASSWORD,
    SELLER,
    Studio,
    log_in,
    press_when_shown,
    shown,
    until,
    wait_for_step,
)
from tests.shell.driver import ShellDriver

TOMORROW = "[data-keys='Period NumpadDecimal']"  # has shows at any hour, and the same ones
BY_TIME = "a[href$='view=time']"
BY_FILM = "a[href$='view=film']"
LISTS = {
    "admin-home": "",
    "admin-users": "accounts/user/",
    "admin-add-user": "accounts/user/add/",
    "admin-bindings": "accounts/devicebinding/",
    "admin-sessions": "accounts/staffsession/",
    "admin-login-log": "audit/loginlog/",
    "admin-security-log": "audit/securitylog/",
    "admin-change-log": "audit/change/",
    "admin-cinemas": "venues/cinema/",
    "admin-halls": "venues/hall/",
    "admin-films": "programme/film/",
    "admin-showtimes": "programme/showtime/",
    "admin-orders": "boxoffice/order/",
}
DETAILS = {
    "admin-user": f"accounts/user/?q={SELLER}",
    "admin-hall": "venues/hall/",
    "admin-showtime": "programme/showtime/",
    "admin-order": "boxoffice/order/",
}


@dataclass(frozen=True)
class Scene:
    """What is played, the pictures of it, and the scenes that must come before."""

    play: Callable[[Studio], None]
    makes: tuple[str, ...]
    after: tuple[Scene, ...] = ()


def before_work(studio: Studio) -> None:
    """Take the log-in window, and the screens that stand open before the first customer."""
    shell = studio.shell
    studio.grab(shell, "login-window")
    log_in(shell, SELLER)
    to_tomorrow(shell)
    studio.grab(shell, "board")
    press_when_shown(shell, BY_TIME)
    until(lambda: shown(shell, ".by-time"))
    studio.grab(shell, "board-by-time")
    press_when_shown(shell, BY_FILM)
    until(lambda: not shown(shell, ".by-time"))


def sale(studio: Studio) -> None:
    """Go through a whole sale with what can happen in it, and take each step."""
    shell = studio.shell
    to_tomorrow(shell)
    press_when_shown(shell, ".film:nth-of-type(1) .tile")
    press_when_shown(shell, "[data-size='2']")
    wait_for_step(shell, "held")
    studio.grab(shell, "sell")
    take_away(studio)
    studio.grab(shell, "seats-taken")
    shell.do("key", name="Return")
    wait_for_step(shell, "held")
    shell.click("[data-keys=F7]")
    wait_for_step(shell, "confirm")
    studio.grab(shell, "pay-card")
    shell.click("[data-keys=F8]")
    until(lambda: shown(shell, "[data-keys=F8][aria-selected=true]"))
    studio.grab(shell, "pay-qr")
    shell.click("[data-keys=F6]")
    wait_for_step(shell, "pay")
    studio.grab(shell, "pay")
    studio.lapse()
    shell.do("key", name="Return")
    wait_for_step(shell, "expired")
    studio.grab(shell, "hold-expired")
    shell.do("key", name="Return")
    wait_for_step(shell, "held")
    shell.do("key", name="Return")
    wait_for_step(shell, "pay")
    shell.do("key", text="200")
    until(lambda: shown(shell, "#change.change"))
    shell.do("key", name="Return")
    wait_for_step(shell, "done")
    studio.grab(shell, "done")


def take_away(studio: Studio) -> None:
    """Let another till hold two seats in the moment before this one asks for them."""
    shell = studio.shell
    studio.third.log_in(device={"name": "3号台", "os": "Windows 10", "clientVersion": "1.0.0"})
    showtime = shell.state()["url"].rstrip("/").rsplit("/", 1)[1]
    for row in ("2", "3", "4"):  # again, where the map was told of it before the click
        studio.third.hold(showtime, f"{row}-4", f"{row}-5")
        shell.click(f"[data-seat='{row}-4']")
        try:
            until(lambda: shown(shell, ".sale[data-step=conflict]"), seconds=3)
        except RuntimeError:
            continue
        return
    raise RuntimeError("no conflict came")


def orders(studio: Studio) -> None:
    """Sell some more; take the day's orders with one open, its tickets, and a page that is not there."""
    shell = studio.shell
    for film, seats in ((1, 3), (2, 1), (3, 4), (5, 2)):
        to_tomorrow(shell)
        press_when_shown(shell, f".film:nth-of-type({film}) .tile")
        press_when_shown(shell, f"[data-size='{seats}']")
        press_when_shown(shell, ".cash button")
        wait_for_step(shell, "done")
    press_when_shown(shell, "a[href='/till/orders/']")
    press_when_shown(shell, ".order-rows a:nth-of-type(2)")
    until(lambda: shown(shell, ".ticket-cards"))
    studio.grab(shell, "orders")
    press_when_shown(shell, "a[href$='/tickets']")
    until(lambda: shown(shell, ".ticket"))
    studio.grab(shell, "ticket")
    shell.do("js", script="location.assign('/till/showtimes/000000000000000000000000/')")
    until(lambda: shown(shell, ".notice-card"))
    studio.grab(shell, "problem")
    press_when_shown(shell, ".notice-card a")
    until(lambda: shown(shell, ".board"))


def refused(studio: Studio) -> None:
    """Let the seller try another machine."""
    studio.other.do("log_in", phone=SELLER)
    studio.other.wait_for(lambda state: state.get("notice"))
    studio.grab(studio.other, "login-refused")


def office(studio: Studio) -> None:
    """Take each page of the back office, one of them in English."""
    page = studio.page
    page.goto(f"{studio.origin}/admin/login/?next=/admin/")
    studio.shoot("admin-sign-in")
    page.fill("[name=username]", MANAGER)
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    for name, path in LISTS.items():
        page.goto(f"{studio.origin}/admin/{path}")
        studio.shoot(name)
    for name, path in DETAILS.items():
        page.goto(f"{studio.origin}/admin/{path}")
        page.click("#result_list tbody th a")
        page.wait_for_selector(".submit-row")
        studio.shoot(name, whole=True)
    page.context.add_cookies([{"name": "django_language", "value": "en", "url": studio.origin}])
    page.goto(f"{studio.origin}/admin/accounts/user/")
    studio.shoot("admin-users-en")
    page.context.clear_cookies(name="django_language")


def unbound(studio: Studio) -> None:
    """Take the seller's machine away, as a manager does, and see the seller thrown out."""
    page = studio.page
    page.goto(f"{studio.origin}/admin/accounts/user/?q={SELLER}")
    page.check("[name=_selected_action]")
    page.select_option("[name=action]", "unbind")
    page.click("[name=index]")
    studio.shell.wait_for(lambda state: "解除" in state.get("native", ""))
    studio.grab(studio.shell, "session-ended")


def troubles(studio: Studio) -> None:
    """Take a till without its printer, then without its server."""
    shell = studio.other
    log_in(shell, OTHER_SELLER)
    press_when_shown(shell, "a[href='/till/orders/']")
    press_when_shown(shell, ".order-rows a:nth-of-type(2)")
    press_when_shown(shell, "a[href$='/tickets']")
    press_when_shown(shell, "#print")
    shell.wait_for(lambda state: state["print"])
    studio.grab(shell, "not-printed")
    press_when_shown(shell, "#back")
    shell.press("知道了")
    until(lambda: shown(shell, ".order-rows"))
    studio.stop_server()
    shell.do("js", script="location.reload()")
    shell.wait_for(lambda state: state["showing"] == "native")
    studio.grab(shell, "offline")


def to_tomorrow(shell: ShellDriver) -> None:
    """Open the board of tomorrow."""
    press_when_shown(shell, "a[href='/till/']")
    press_when_shown(shell, TOMORROW)
    until(lambda: shown(shell, ".board .band"))


BEFORE_WORK = Scene(before_work, ("login-window", "board", "board-by-time"))
SALE = Scene(sale, ("sell", "seats-taken", "pay-card", "pay-qr", "pay", "hold-expired", "done"), after=(BEFORE_WORK,))
ORDERS = Scene(orders, ("orders", "ticket", "problem"), after=(SALE,))
REFUSED = Scene(refused, ("login-refused",), after=(BEFORE_WORK,))
OFFICE = Scene(office, ("admin-sign-in", *LISTS, *DETAILS, "admin-users-en"), after=(ORDERS, REFUSED))
UNBOUND = Scene(unbound, ("session-ended",), after=(OFFICE,))
TROUBLES = Scene(troubles, ("not-printed", "offline"))  # the last: no server is left
SCENES = (BEFORE_WORK, SALE, ORDERS, REFUSED, OFFICE, UNBOUND, TROUBLES)
NAMES = tuple(name for scene in SCENES for name in scene.makes)


def scenes_for(wanted: frozenset[str]) -> tuple[Scene, ...]:
    """Return the scenes that must be played for these pictures, in their order."""
    played: set[Scene] = set()
    for scene in reversed(SCENES):
        if wanted.intersection(scene.makes) or scene in played:
            played.update((scene, *scene.after))
    return tuple(scene for scene in SCENES if scene in played)
