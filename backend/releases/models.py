"""Client releases as documents."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ObjectIdAutoField

from backend.core.indexes import MongoIndex

VERSION = RegexValidator(r"\A\d{1,4}\.\d{1,4}\.\d{1,4}\Z", _("Write a version as 1.2.3."))


class ClientRelease(models.Model):
    """One release. The newest `published_at` counts; its `minimum` is the oldest client that may log in."""

    id = ObjectIdAutoField(primary_key=True)
    version = models.CharField(_("version"), max_length=14, validators=[VERSION])
    minimum = models.CharField(_("oldest version that may log in"), max_length=14, validators=[VERSION])
    notes = models.TextField(_("notes"), blank=True)
    published_at = models.DateTimeField(_("published"), db_column="publishedAt")

    class Meta:
        db_table = "clientReleases"
        verbose_name = _("client release")
        verbose_name_plural = _("client releases")
        ordering = ["-published_at"]
        default_permissions = ["view"]
        indexes = [MongoIndex(keys=[("publishedAt", -1)], name="publishedAt_-1")]

    def __str__(self) -> str:
        return str(self.version)
