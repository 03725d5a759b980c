"""Films, showtimes and the halls' time tables as documents."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ObjectIdAutoField, ObjectIdField

from backend.core.fields import DocumentField
from backend.core.indexes import MongoIndex


class Film(models.Model):
    """A film."""

    id = ObjectIdAutoField(primary_key=True)
    title = models.CharField(_("title"), max_length=80)
    original_title = models.CharField(_("original title"), max_length=120, blank=True, db_column="originalTitle")
    duration_minutes = models.PositiveIntegerField(_("minutes"), db_column="durationMinutes")
    language = models.CharField(_("language"), max_length=20)

    class Meta:
        db_table = "films"
        verbose_name = _("film")
        verbose_name_plural = _("films")
        ordering = ["title"]
        default_permissions = ["add", "change", "view"]
        indexes = [MongoIndex(keys=[("title", 1)], name="title_1", unique=True)]

    def __str__(self) -> str:
        return str(self.title)


class Showtime(models.Model):
    """One show of a film in a hall. Changed by `programme.services` alone, never by `save()`.

    It copies what boards and tickets show, so that no page joins. `prices` is a list of
    `{ticketType, label, amount, zone?}`; a price with a zone holds there instead of the one without.
    """

    id = ObjectIdAutoField(primary_key=True)
    film = ObjectIdField(_("film"))
    film_title = models.CharField(_("film"), max_length=80, db_column="filmTitle")
    original_title = models.CharField(_("original title"), max_length=120, blank=True, db_column="originalTitle")
    language = models.CharField(_("language"), max_length=20)
    format = models.CharField(_("format"), max_length=20)
    duration_minutes = models.PositiveIntegerField(_("minutes"), db_column="durationMinutes")
    cinema = ObjectIdField(_("cinema"))
    cinema_name = models.CharField(_("cinema"), max_length=60, db_column="cinemaName")
    hall = ObjectIdField(_("hall"))
    hall_name = models.CharField(_("hall"), max_length=30, db_column="hallName")
    layout = ObjectIdField(_("seat layout"))
    business_day = models.CharField(_("business day"), max_length=10, db_column="businessDay")
    code = models.CharField(_("session code"), max_length=3)
    starts_at = models.DateTimeField(_("starts"), db_column="startsAt")
    ends_at = models.DateTimeField(_("ends"), db_column="endsAt")
    sales_end_at = models.DateTimeField(_("sales end"), db_column="salesEndAt")
    seats_total = models.PositiveIntegerField(_("seats"), db_column="seatsTotal")
    prices = DocumentField(_("prices"))

    class Meta:
        db_table = "showtimes"
        verbose_name = _("showtime")
        verbose_name_plural = _("showtimes")
        ordering = ["-starts_at"]
        default_permissions = ["add", "change", "view"]
        indexes = [
            MongoIndex(
                keys=[("cinema", 1), ("businessDay", 1), ("code", 1)],
                name="cinema_1_businessDay_1_code_1",
                unique=True,
            ),
            MongoIndex(keys=[("cinema", 1), ("startsAt", 1)], name="cinema_1_startsAt_1"),
            MongoIndex(keys=[("hall", 1), ("startsAt", 1)], name="hall_1_startsAt_1"),
            MongoIndex(keys=[("startsAt", -1)], name="startsAt_-1"),
        ]

    def __str__(self) -> str:
        return f"{self.business_day} {self.code} {self.film_title}"


class HallSchedule(models.Model):
    """When a hall is taken: `slots` of `{showtime, from, to}`. The document's `_id` is the hall's.

    A slot is added by one conditional update that requires no other to overlap, so two people who plan at once
    cannot both get the hall. A slot has `takenAt` until its showtime stands.
    """

    id = ObjectIdField(primary_key=True, db_column="_id")
    slots = DocumentField()

    class Meta:
        db_table = "hallSchedules"
        default_permissions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.pk)
