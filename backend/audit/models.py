"""The three logs as documents. They carry copies of what they show, so that a log page never joins."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ArrayField, ObjectIdField

from backend.core.indexes import MongoIndex

LOGIN_LOG_SECONDS = 90 * 24 * 3600
SECURITY_LOG_SECONDS = 180 * 24 * 3600


class LoginLog(models.Model):
    """One try to log in. `reason` is the true one; the person at the till sees `reference` alone."""

    class Result(models.TextChoices):
        SUCCESS = "success", _("Success")
        PENDING = "pending", _("Waiting for approval")
        REFUSED = "refused", _("Refused")

    phone = models.CharField(_("phone"), max_length=20)
    name = models.CharField(_("name"), max_length=60, blank=True)
    machine_code = models.CharField(_("machine code"), max_length=64, db_column="machineCode")
    key = models.CharField(_("key thumbprint"), max_length=64)
    result = models.CharField(_("result"), max_length=10, choices=Result)
    reason = models.CharField(_("reason"), max_length=40)
    reference = models.CharField(_("reference"), max_length=10)
    address = models.CharField(_("address"), max_length=45)
    client_version = models.CharField(_("client version"), max_length=20, db_column="clientVersion")
    device_name = models.CharField(_("device name"), max_length=60, db_column="deviceName")
    user = ObjectIdField(null=True)
    cinemas = ArrayField(ObjectIdField(), default=list)
    login_time = models.DateTimeField(_("time"), db_column="loginTime")

    class Meta:
        db_table = "loginLogs"
        verbose_name = _("login log")
        verbose_name_plural = _("login logs")
        ordering = ["-login_time"]
        default_permissions = ["view"]
        indexes = [
            MongoIndex(keys=[("phone", 1), ("loginTime", -1)], name="phone_1_loginTime_-1"),
            MongoIndex(keys=[("loginTime", -1)], name="loginTime_-1"),
            MongoIndex(keys=[("machineCode", 1), ("loginTime", -1)], name="machineCode_1_loginTime_-1"),
            MongoIndex(keys=[("loginTime", 1)], name="loginTime_1", expire_after=LOGIN_LOG_SECONDS),
            MongoIndex(keys=[("reference", 1)], name="reference_1"),
        ]

    def __str__(self) -> str:
        return f"{self.phone} {self.login_time:%Y-%m-%d %H:%M:%S} {self.result}"


class SecurityLog(models.Model):
    """One event that a manager should know of: a binding, a revocation, a token used twice."""

    event = models.CharField(_("event"), max_length=40)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    name = models.CharField(_("name"), max_length=60, blank=True)
    machine_code = models.CharField(_("machine code"), max_length=64, blank=True, db_column="machineCode")
    key = models.CharField(_("key thumbprint"), max_length=64, blank=True)
    by_phone = models.CharField(_("done by"), max_length=20, blank=True, db_column="byPhone")
    by_name = models.CharField(_("done by (name)"), max_length=60, blank=True, db_column="byName")
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    reference = models.CharField(_("reference"), max_length=10, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    user = ObjectIdField(null=True)
    cinemas = ArrayField(ObjectIdField(), default=list)
    timestamp = models.DateTimeField(_("time"))

    class Meta:
        db_table = "securityLogs"
        verbose_name = _("security log")
        verbose_name_plural = _("security logs")
        ordering = ["-timestamp"]
        default_permissions = ["view"]
        indexes = [
            MongoIndex(keys=[("timestamp", 1)], name="timestamp_1", expire_after=SECURITY_LOG_SECONDS),
            MongoIndex(keys=[("phone", 1), ("timestamp", -1)], name="phone_1_timestamp_-1"),
            MongoIndex(keys=[("machineCode", 1), ("timestamp", -1)], name="machineCode_1_timestamp_-1"),
            MongoIndex(keys=[("reference", 1)], name="reference_1"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.phone} {self.timestamp:%Y-%m-%d %H:%M:%S}"


class Change(models.Model):
    """One change: who did what to what, before and after. It never expires."""

    action = models.CharField(_("action"), max_length=60)
    kind = models.CharField(_("kind"), max_length=40)
    target = models.CharField(_("target"), max_length=40)
    label = models.CharField(_("name of the target"), max_length=120, blank=True)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    by_phone = models.CharField(_("done by"), max_length=20, blank=True, db_column="byPhone")
    by_name = models.CharField(_("done by (name)"), max_length=60, blank=True, db_column="byName")
    machine_code = models.CharField(_("machine code"), max_length=64, blank=True, db_column="machineCode")
    cinemas = ArrayField(ObjectIdField(), default=list)
    timestamp = models.DateTimeField(_("time"))

    class Meta:
        db_table = "changeLog"
        verbose_name = _("change")
        verbose_name_plural = _("change log")
        ordering = ["-timestamp"]
        default_permissions = ["view"]
        indexes = [
            MongoIndex(keys=[("timestamp", -1)], name="timestamp_-1"),
            MongoIndex(keys=[("target", 1), ("timestamp", -1)], name="target_1_timestamp_-1"),
            MongoIndex(keys=[("byPhone", 1), ("timestamp", -1)], name="byPhone_1_timestamp_-1"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.label} {self.timestamp:%Y-%m-%d %H:%M:%S}"
