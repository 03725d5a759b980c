"""What the box office's API takes and answers."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from backend.boxoffice.services.pay import REFERENCE_LENGTH
from backend.core.parsing import Answer, Body

Identifier = Annotated[str, Meta(pattern=r"^[0-9a-f]{24}$")]
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,2})?$")]
SeatId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,4}-[0-9A-Za-z]{1,4}$")]
SeatState = Literal["free", "held", "mine", "sold", "house", "blocked"]
State = Literal["held", "paid", "cancelled", "expired", "partly_refunded", "refunded"]


class SeatWanted(Body):
    """A seat and the ticket type that it is sold as."""

    seat: SeatId
    ticket_type: Annotated[str, Meta(min_length=1, max_length=20)]


class OrderWanted(Body):
    """Hold these seats, all or none."""

    showtime: Identifier
    seats: Annotated[list[SeatWanted], Meta(min_length=1, max_length=200)]
    customer_phone: Annotated[str, Meta(max_length=30)] | None = None


class PaymentWanted(Body):
    """Pay an order by one payment. `tendered` is what the customer gave in cash: exactly the total without it."""

    method: Literal["cash", "card", "wechat", "alipay", "voucher"]
    tendered: Money | None = None
    reference: Annotated[str, Meta(max_length=REFERENCE_LENGTH)] | None = None


class Nothing(Body):
    """An empty object: the address says it all."""


class Named(Answer):
    """Something with an id and a name."""

    id: str
    name: str


class FilmShown(Answer):
    """The film of a showtime."""

    id: str
    title: str
    original_title: str
    duration_minutes: int


class Price(Answer):
    """What a ticket type costs; with a zone, only there."""

    ticket_type: str
    label: str
    amount: str
    zone: str | UnsetType = UNSET
    zone_label: str | UnsetType = UNSET


class ShowtimeAnswer(Answer):
    """A showtime on the schedule board."""

    id: str
    code: str
    business_day: str
    film: FilmShown
    language: str
    format: str
    cinema: Named
    hall: Named
    starts_at: str
    ends_at: str
    sales_end_at: str
    sales_open: bool
    seats_total: int
    seats_free: int
    prices: list[Price]


class ShowtimePage(Answer):
    """A page of showtimes."""

    results: list[ShowtimeAnswer]
    next: str | None
    previous: str | None


class SeatShown(Answer):
    """A seat; `x` and `y` are its place, columns that no seat has are aisles."""

    seat: str
    row: str
    number: str
    x: int
    y: int
    kind: Literal["standard", "love", "wheelchair"]
    zone: str
    state: SeatState
    pair: str | UnsetType = UNSET


class Zone(Answer):
    """A price zone of the hall."""

    code: str
    label: str


class SeatMapAnswer(Answer):
    """All seats of a showtime as the caller sees them."""

    showtime: str
    version: int
    zones: list[Zone]
    seats: list[SeatShown]


class SeatSold(Answer):
    """A seat of an order."""

    seat: str
    ticket_type: str
    price: str


class TicketAnswer(Answer):
    """A ticket: it exists from payment on."""

    number: str
    seat: str
    ticket_type: str
    label: str
    price: str
    state: Literal["valid"]


class PaymentAnswer(Answer):
    """A payment; `shift` is null until shifts exist."""

    method: Literal["cash", "card", "wechat", "alipay"]
    amount: str
    tendered: str
    change: str
    reference: str | None
    at: str
    shift: str | None


class RefundAnswer(Answer):
    """A refund."""

    tickets: list[str]
    amount: str
    fee: str
    method: str
    reason: str
    at: str


class Staff(Answer):
    """The person who made the order."""

    id: str
    name: str
    phone: str


class Machine(Answer):
    """The machine that it was made on."""

    machine_code: str | None
    name: str | None


class OrderAnswer(Answer):
    """An order."""

    id: str
    number: str
    state: State
    showtime: str
    film: str
    cinema: Named
    hall: str
    starts_at: str
    expires_at: str
    total: str
    currency: str
    seats: list[SeatSold]
    tickets: list[TicketAnswer]
    payments: list[PaymentAnswer]
    refunds: list[RefundAnswer]
    staff: Staff
    device: Machine
    customer_phone: str | None
    channel: str
    created_at: str
    change: str | UnsetType = field(default=UNSET)


class OrderPage(Answer):
    """A page of orders."""

    results: list[OrderAnswer]
    next: str | None
    previous: str | None
