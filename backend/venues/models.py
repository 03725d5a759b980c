"""Cinemas, halls and seat layouts as documents."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ArrayField, ObjectIdAutoField, ObjectIdField

from backend.core.fields import DocumentField
from backend.core.indexes import MongoIndex

CODE_PATTERN = r"\A[0-9A-Z]{2,12}\Z"
CODE = RegexValidator(CODE_PATTERN, _("2 to 12 capital letters and digits."))


class Cinema(models.Model):
    """A cinema. Its time zone decides what a business day is, its networks from where a first log-in binds."""

    id = ObjectIdAutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=60)
    code = models.CharField(_("code"), max_length=12, validators=[CODE])
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai", db_column="timeZone")
    address = models.CharField(_("address"), max_length=120, blank=True)
    # CIDR texts; none kept: every address binds. Null: a cinema of before there were any.
    networks = ArrayField(models.CharField(max_length=43), null=True, blank=True, default=list)

    class Meta:
        db_table = "cinemas"
        verbose_name = _("cinema")
        verbose_name_plural = _("cinemas")
        ordering = ["code"]
        default_permissions = ["add", "change", "view"]
        indexes = [MongoIndex(keys=[("code", 1)], name="code_1", unique=True)]

    def __str__(self) -> str:
        return str(self.name)


class Hall(models.Model):
    """A hall. `layout` is the seat layout that new showtimes are sold with."""

    id = ObjectIdAutoField(primary_key=True)
    cinema = ObjectIdField(_("cinema"))
    cinema_name = models.CharField(_("cinema"), max_length=60, db_column="cinemaName")
    name = models.CharField(_("name"), max_length=30)
    layout = ObjectIdField(_("seat layout"))
    seats_total = models.PositiveIntegerField(_("seats"), db_column="seatsTotal")

    class Meta:
        db_table = "halls"
        verbose_name = _("hall")
        verbose_name_plural = _("halls")
        ordering = ["cinema_name", "name"]
        default_permissions = ["add", "change", "view"]
        indexes = [MongoIndex(keys=[("cinema", 1), ("name", 1)], name="cinema_1_name_1", unique=True)]

    def __str__(self) -> str:
        return f"{self.cinema_name} {self.name}"


class HallLayout(models.Model):
    """One version of a hall's seats, never changed: a showtime keeps the one that it was sold with.

    `seats` is a list of `{seat, row, number, x, y, kind, zone, pair?, blocked?}` as `venues.layouts` builds it.
    """

    id = ObjectIdAutoField(primary_key=True)
    hall = ObjectIdField(_("hall"))
    version = models.PositiveIntegerField(_("version"))
    columns = models.PositiveIntegerField(_("columns"))
    rows = DocumentField(_("rows"))
    zones = DocumentField(_("price zones"))
    seats = DocumentField(_("seats"))

    class Meta:
        db_table = "hallLayouts"
        verbose_name = _("seat layout")
        verbose_name_plural = _("seat layouts")
        ordering = ["hall", "-version"]
        default_permissions = ["view"]
        indexes = [MongoIndex(keys=[("hall", 1), ("version", 1)], name="hall_1_version_1", unique=True)]

    def __str__(self) -> str:
        return str(self.version)
