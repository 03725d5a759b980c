"""Orders, seat maps and idempotency keys as documents: their fields and indexes, for the admin and for reading.

Nothing is ever saved through these models: `seatmap.py` and `orders.py` own the collections.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ObjectIdAutoField, ObjectIdField

from backend.core.fields import DocumentField
from backend.core.indexes import MongoIndex


class OrderState(models.TextChoices):
    """`orders.state`. `partly_refunded` and `refunded` follow `paid`."""

    HELD = "held", _("Held")
    PAID = "paid", _("Paid")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")
    PARTLY_REFUNDED = "partly_refunded", _("Partly refunded")
    REFUNDED = "refunded", _("Refunded")


class Order(models.Model):
    """An order with its seats, tickets, payments and refunds, and copies of what lists show.

    `releasing` stands on an order that is over while its seats may still be on the seat map.
    """

    id = ObjectIdAutoField(primary_key=True)
    number = models.CharField(_("number"), max_length=20)
    state = models.CharField(_("state"), max_length=20, choices=OrderState)
    cinema = ObjectIdField(_("cinema"))
    cinema_name = models.CharField(_("cinema"), max_length=60, db_column="cinemaName")
    showtime = ObjectIdField(_("showtime"))
    film_title = models.CharField(_("film"), max_length=80, db_column="filmTitle")
    hall_name = models.CharField(_("hall"), max_length=30, db_column="hallName")
    starts_at = models.DateTimeField(_("starts"), db_column="startsAt")
    seats = DocumentField(_("seats"))
    total = models.DecimalField(_("total"), max_digits=10, decimal_places=2)
    tickets = DocumentField(_("tickets"), default=list)
    payments = DocumentField(_("payments"), default=list)
    refunds = DocumentField(_("refunds"), default=list)
    staff = DocumentField(_("staff"))
    device = DocumentField(_("machine"))
    customer_phone = models.CharField(_("customer's phone"), max_length=20, blank=True, db_column="customerPhone")
    channel = models.CharField(_("channel"), max_length=20)
    created_at = models.DateTimeField(_("created"), db_column="createdAt")
    expires_at = models.DateTimeField(_("held until"), db_column="expiresAt")

    class Meta:
        db_table = "orders"
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at"]
        default_permissions = ["view"]
        indexes = [
            MongoIndex(keys=[("number", 1)], name="number_1", unique=True),
            MongoIndex(
                keys=[("tickets.number", 1)],
                name="tickets.number_1",
                unique=True,
                # Held orders have no tickets yet; without this they would all share the key null.
                where={"tickets.number": {"$exists": True}},
            ),
            MongoIndex(keys=[("cinema", 1), ("createdAt", -1)], name="cinema_1_createdAt_-1"),
            MongoIndex(keys=[("customerPhone", 1), ("createdAt", -1)], name="customerPhone_1_createdAt_-1"),
            MongoIndex(keys=[("createdAt", -1)], name="createdAt_-1"),
            MongoIndex(keys=[("state", 1), ("expiresAt", 1)], name="state_1_expiresAt_1"),
            MongoIndex(keys=[("showtime", 1)], name="showtime_1"),
            MongoIndex(keys=[("releasing", 1)], name="releasing_1", where={"releasing": True}),
        ]

    def __str__(self) -> str:
        return str(self.number)


class SeatMap(models.Model):
    """Who has which seats of a showtime. The document's `_id` is the showtime's; `seatmap.py` says the rest."""

    id = ObjectIdField(primary_key=True, db_column="_id")
    version = models.PositiveIntegerField()
    seats: Any = DocumentField()
    next_until = models.DateTimeField(null=True, db_column="nextUntil")

    class Meta:
        db_table = "seatMaps"
        default_permissions: tuple[str, ...] = ()
        indexes = [MongoIndex(keys=[("nextUntil", 1)], name="nextUntil_1")]

    def __str__(self) -> str:
        return str(self.pk)


class KeptAnswer(models.Model):
    """What was answered under an idempotency key; `core.idempotency` owns the collection. Kept for 24 hours."""

    id = models.CharField(primary_key=True, max_length=64, db_column="_id")
    created_at = models.DateTimeField(db_column="createdAt")

    class Meta:
        db_table = "idempotencyKeys"
        default_permissions: tuple[str, ...] = ()
        indexes = [MongoIndex(keys=[("createdAt", 1)], name="createdAt_1", expire_after=24 * 3600)]

    def __str__(self) -> str:
        return str(self.pk)
