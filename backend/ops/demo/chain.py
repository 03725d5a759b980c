"""The invented chain: its cinemas, halls, films and staff. Plain data, no database."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from backend.venues.layouts import block

PASSWORD = "cinema-demo-2026"  # noqa: S105  # printed by `make run`; demo data alone may have it
ZONES = {"standard": "普通区", "golden": "黄金区", "love": "情侣区", "vip": "贵宾区"}
NETWORKS = ("127.0.0.0/8", "::1/128")  # this machine: the demo listens nowhere else
SURCHARGE = {"golden": Decimal(10), "love": Decimal(20)}
TICKET_TYPES = (  # and their share of an adult's price
    ("adult", "成人", Decimal(1)),
    ("student", "学生", Decimal("0.7")),
    ("child", "儿童", Decimal("0.5")),
    ("senior", "长者", Decimal("0.5")),
)


@dataclass(frozen=True, kw_only=True)
class DemoHall:
    """A hall as it is drawn (`venues.layouts`), the adult price in its standard zone, and what it shows in."""

    name: str
    drawing: tuple[str, ...]
    price: Decimal
    picture: str = "2D"
    zones: dict[str, list[str]] = field(default_factory=dict)
    plain_zone: str = "standard"


@dataclass(frozen=True, kw_only=True)
class DemoCinema:
    """A cinema and its halls."""

    code: str
    name: str
    address: str
    halls: tuple[DemoHall, ...]


def _love(row: int, seats: int) -> list[str]:
    return block([row], range(1, seats + 1))


# Two aisles, four love seats at the back, two wheelchair places by the door, a broken seat: the hall of the pictures.
_WIDE = (
    "ww.. ............ ....",
    *(".... ............ ....",) * 4,
    ".... ............ .x..",
    *(".... ............ ....",) * 4,
    "LLLL LLLLLLLLLLLL LLLL",
)
_IMAX = (
    "ww.... .................. ....ww",
    *("...... .................. ......",) * 10,
    "..x... .................. ......",
    *("...... .................. ......",) * 6,
)
_VIP = (".. .. ..", ".. .. ..", ".. .. ..", "LL LL LL")
_SMALL = ("w... .... ..", *("..... .... ..",) * 5, "LL.. .... LL")
_FAMILY = ("  ........  ", " .......... ", *("............",) * 6, "LLLLLLLLLLLL")
_SIDE = ("......... ww", *("......... ...",) * 8, "......... .x.")

CINEMAS = (
    DemoCinema(
        code="RM01",
        name="星河影城·人民路店",
        address="人民路 188 号 4 层",
        halls=(
            DemoHall(
                name="1号厅 IMAX",
                drawing=_IMAX,
                price=Decimal(79),
                picture="IMAX",
                zones={"golden": block(range(9, 14), range(9, 23))},
            ),
            DemoHall(
                name="2号厅",
                drawing=_FAMILY,
                price=Decimal(55),
                zones={"golden": block(range(5, 8), range(4, 10)), "love": _love(9, 12)},
            ),
            DemoHall(
                name="3号厅",
                drawing=_WIDE,
                price=Decimal(59),
                zones={"golden": block(range(5, 9), range(7, 15)), "love": _love(11, 20)},
            ),
            DemoHall(name="贵宾厅", drawing=_VIP, price=Decimal(128), zones={"love": _love(4, 6)}),
        ),
    ),
    DemoCinema(
        code="BJ02",
        name="星河影城·滨江店",
        address="滨江大道 66 号 3 层",
        halls=(
            DemoHall(name="1号厅", drawing=_SIDE, price=Decimal(49), zones={"golden": block([6, 7], range(4, 8))}),
            DemoHall(name="2号厅", drawing=_SMALL, price=Decimal(45)),
        ),
    ),
)

# Title, original title, minutes, language. Invented, every one.
FILMS = (
    ("长夜将明", "", 128, "国语"),
    ("海上灯塔", "", 112, "国语"),
    ("第七号信使", "", 136, "国语"),
    ("山那边的邮局", "", 98, "国语"),
    ("胡同里的宇航员", "", 105, "国语"),
    ("茶馆风云", "", 142, "国语"),
    ("小鲸鱼的一天", "", 88, "国语"),
    ("深空回声", "Echoes of the Deep", 147, "英语"),
    ("钟表匠的女儿", "The Clockmaker's Daughter of Lisbon", 118, "英语"),
    ("雨季的便利店", "雨季のコンビニ", 109, "日语"),
    ("最后一班列车", "막차의 밤", 121, "韩语"),
    ("巴黎左岸的猫", "Le Chat de la rive perdue", 96, "法语"),
)

# Phone, name, role, works in all cinemas by name (both demo cinemas, or none = all), has the admin password.
STAFF: tuple[tuple[str, str, str, bool, bool], ...] = (
    ("13800000001", "周明远", "manager", True, True),
    ("13800000002", "王小琳", "seller", True, False),
    ("13800000003", "赵敏", "checker", True, False),
    ("13800000004", "陈建国", "supervisor", True, False),
    ("13800000005", "李思雨", "seller", True, False),
    ("13800000006", "林若兰", "chain_manager", False, True),
    ("13800000007", "孙静", "auditor", False, True),
    ("13800000008", "吴凯", "ops", False, True),
)


def prices(hall: DemoHall) -> list[dict[str, Any]]:
    """Return what a showtime in `hall` costs: by ticket type, and more in the better zones."""
    found: list[dict[str, Any]] = []
    for code, label, share in TICKET_TYPES:
        base = (hall.price * share).quantize(Decimal(1))
        found.append({"ticketType": code, "label": label, "amount": base})
        found += [
            {
                "ticketType": code,
                "label": label,
                "amount": base + SURCHARGE[zone],
                "zone": zone,
                "zoneLabel": ZONES[zone],
            }
            for zone in hall.zones
        ]
    return found
