"""Accounts, device bindings and staff sessions as documents."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ArrayField, EmbeddedModelField, ObjectIdAutoField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from backend.accounts.roles import ROLE_CHOICES, ROLES
from backend.core import clock
from backend.core.fields import DocumentField
from backend.core.indexes import MongoIndex


class AccountState(models.TextChoices):
    """`account.status.code`."""

    ACTIVE = "active", _("Active")
    DISABLED = "disabled", _("Disabled")
    PENDING = "pending", _("Not yet active")


class BindingPolicy(models.TextChoices):
    """How an account's first log-in binds its device."""

    WINDOW = "window", _("Within 24 hours of opening the window")
    APPROVAL = "approval", _("When a manager approves it")
    CODE = "code", _("With an activation code")


class Device(EmbeddedModel):
    """The machine that an account is bound to: its code names it, its key proves it."""

    machine_code = models.CharField(max_length=64, db_column="machineCode")
    key_thumbprint = models.CharField(max_length=64, db_column="keyThumbprint")
    name = models.CharField(max_length=60, blank=True)
    os = models.CharField(max_length=60, blank=True)
    client_version = models.CharField(max_length=20, blank=True, db_column="clientVersion")
    bound_at = models.DateTimeField(db_column="boundAt")
    last_login_time = models.DateTimeField(null=True, db_column="lastLoginTime")


class Status(EmbeddedModel):
    """Whether the account may be used."""

    code = models.CharField(max_length=10, choices=AccountState)


class ActivationCode(EmbeddedModel):
    """A code that binds once; `tries` are the wrong ones."""

    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_column="expiresAt")
    tries = models.PositiveIntegerField(default=0)


class Account(EmbeddedModel):
    """The account's state and how it binds."""

    status = EmbeddedModelField(Status)
    binding_policy = models.CharField(max_length=10, choices=BindingPolicy, db_column="bindingPolicy")
    binding_window_until = models.DateTimeField(null=True, db_column="bindingWindowUntil")
    activation_code = EmbeddedModelField(ActivationCode, null=True, db_column="activationCode")


class Metadata(EmbeddedModel):
    """Where the document came from."""

    created_at = models.DateTimeField(db_column="createdAt")
    created_by = models.CharField(max_length=20, blank=True, db_column="createdBy")


class UserManager(BaseUserManager["User"]):
    """Finds accounts by phone."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the account with this phone."""
        return self.get(phone=username)

    def create_superuser(self, **_: Any) -> "User":
        """Refuse: this product has no superusers."""
        raise ImproperlyConfigured("There are no superusers here: manage.py create_manager makes a manager.")


class User(AbstractBaseUser):
    """A staff account in the plan's document shape. Changed by `accounts.services` alone, never by `save()`."""

    phone = models.CharField(_("phone"), max_length=20)
    name = models.CharField(_("name"), max_length=60)
    role = models.CharField(_("role"), max_length=20, choices=ROLE_CHOICES)
    cinemas = ArrayField(ObjectIdField(), default=list, blank=True)
    device = EmbeddedModelField(Device, null=True, blank=True)
    account = EmbeddedModelField(Account)
    session = ObjectIdField(null=True)
    metadata = EmbeddedModelField(Metadata)

    USERNAME_FIELD = "phone"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "users"
        verbose_name = _("staff account")
        verbose_name_plural = _("staff accounts")
        ordering = ["phone"]
        indexes = [
            MongoIndex(keys=[("phone", 1)], name="phone_1", unique=True),
            MongoIndex(keys=[("device.machineCode", 1)], name="device.machineCode_1"),
            MongoIndex(keys=[("account.status.code", 1)], name="account.status.code_1"),
            MongoIndex(keys=[("device.lastLoginTime", -1)], name="device.lastLoginTime_-1"),
            MongoIndex(keys=[("metadata.createdAt", -1)], name="metadata.createdAt_-1"),
            MongoIndex(keys=[("phone", 1), ("account.status.code", 1)], name="phone_1_account.status.code_1"),
            MongoIndex(
                keys=[("device.machineCode", 1), ("account.status.code", 1)],
                name="device.machineCode_1_account.status.code_1",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.phone}"

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # the state is `account.status.code`, not a column
        """Whether the account is enabled."""
        return bool(self.account.status.code == AccountState.ACTIVE)

    @property
    def is_staff(self) -> bool:
        """Whether the role works in the back office."""
        return ROLES[self.role].back_office

    is_superuser = False

    def save(self, **options: Any) -> None:  # type: ignore[override]  # Django's own callers name their arguments
        """Let Django note a sign-in or a stronger hash of the same password; raise for anything more.

        A whole document written back would undo what happened since it was read: enable who was disabled.
        """
        if not set(options.get("update_fields") or ["all"]) <= {"last_login", "password"}:
            raise ImproperlyConfigured("Accounts are changed by accounts.services, or in the back office.")
        super().save(**options)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return whether the account is enabled and its role has `perm`."""
        return self.is_active and perm in ROLES[self.role].permissions

    def has_perms(self, perms: Any, obj: object = None) -> bool:
        """Return whether the role has all of `perms`."""
        return all(self.has_perm(perm) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        """Return whether the role has any permission in the app."""
        return self.is_active and any(
            permission.startswith(f"{app_label}.") for permission in ROLES[self.role].permissions
        )


class DeviceBinding(models.Model):
    """One binding of a machine to an account, from when to when: the history of `users.device`.

    A machine that waits for approval stands here too; it may be approved until `expires_at`. Until then
    `bound_at` says since when it waits.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Waits for approval")
        ACTIVE = "active", _("Bound")
        REVOKED = "revoked", _("Unbound")
        REFUSED = "refused", _("Refused")
        SUPERSEDED = "superseded", _("Another took its place")
        LAPSED = "lapsed", _("Waited in vain")  # never stored: what pending reads as after `expires_at`

    id = ObjectIdAutoField(primary_key=True)
    user = ObjectIdField()
    phone = models.CharField(_("phone"), max_length=20)
    name = models.CharField(_("name"), max_length=60)
    cinemas = ArrayField(ObjectIdField(), default=list)
    machine_code = models.CharField(_("machine code"), max_length=64, db_column="machineCode")
    key_thumbprint = models.CharField(_("key thumbprint"), max_length=64, db_column="keyThumbprint")
    device_name = models.CharField(_("device name"), max_length=60, db_column="deviceName")
    os = models.CharField(_("operating system"), max_length=60)
    state = models.CharField(_("state"), max_length=10, choices=State)
    reference = models.CharField(_("reference"), max_length=10)
    address = models.CharField(_("address"), max_length=45, blank=True)
    inside = models.BooleanField(_("from the cinema's networks"), null=True)
    bound_at = models.DateTimeField(_("bound at"), db_column="boundAt")
    bound_by = models.CharField(_("bound by"), max_length=60, blank=True, db_column="boundBy")
    expires_at = models.DateTimeField(_("waits until"), null=True, db_column="expiresAt")
    revoked_at = models.DateTimeField(_("unbound at"), null=True, db_column="revokedAt")
    revoked_by = models.CharField(_("unbound by"), max_length=60, blank=True, db_column="revokedBy")
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        db_table = "deviceBindings"
        verbose_name = _("device binding")
        verbose_name_plural = _("device bindings")
        ordering = ["-bound_at"]
        default_permissions = ["view"]
        permissions = [("bind_device", "May bind and unbind devices")]
        indexes = [
            MongoIndex(keys=[("user", 1), ("boundAt", -1)], name="user_1_boundAt_-1"),
            MongoIndex(keys=[("machineCode", 1), ("boundAt", -1)], name="machineCode_1_boundAt_-1"),
            MongoIndex(keys=[("boundAt", -1)], name="boundAt_-1"),
            MongoIndex(keys=[("reference", 1)], name="reference_1"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.machine_code}"

    @property
    def state_now(self) -> "DeviceBinding.State":
        """The state as it reads at this moment."""
        lapsed = self.state == self.State.PENDING and self.expires_at is not None and self.expires_at <= clock.now()
        return self.State.LAPSED if lapsed else self.State(self.state)


class BindingQueue(models.Model):
    """The machines that wait for approval for one phone, three at most. `_id` is the phone, known or not.

    `slots` is a list of `{user, key, machineCode, reference, binding, inside, refused, expiresAt}`; `stamp` changes
    with each change, which is made only where it is still what was read.
    """

    slots = DocumentField()
    stamp = ObjectIdField()
    expires_at = models.DateTimeField(db_column="expiresAt")

    class Meta:
        db_table = "bindingQueues"
        default_permissions: ClassVar[list[str]] = []
        indexes = [MongoIndex(keys=[("expiresAt", 1)], name="expiresAt_1", expire_after=0)]

    def __str__(self) -> str:
        return str(self.id)


class StaffSession(models.Model):
    """One log-in of a person on a machine, the authority on whether its tokens count."""

    id = ObjectIdAutoField(primary_key=True)
    user = ObjectIdField()
    phone = models.CharField(_("phone"), max_length=20)
    name = models.CharField(_("name"), max_length=60)
    role = models.CharField(_("role"), max_length=20, choices=ROLE_CHOICES)
    cinemas = ArrayField(ObjectIdField(), default=list)
    machine_code = models.CharField(_("machine code"), max_length=64, db_column="machineCode")
    key = models.CharField(_("key thumbprint"), max_length=64)
    device_name = models.CharField(_("device name"), max_length=60, db_column="deviceName")
    client_version = models.CharField(_("client version"), max_length=20, db_column="clientVersion")
    address = models.CharField(_("address"), max_length=45)
    started_at = models.DateTimeField(_("started"), db_column="startedAt")
    active_at = models.DateTimeField(_("last active"), db_column="activeAt")
    expires_at = models.DateTimeField(_("ends at the latest"), db_column="expiresAt")
    ended_at = models.DateTimeField(_("ended"), null=True, db_column="endedAt")
    end_reason = models.CharField(_("reason"), max_length=40, blank=True, db_column="endReason")

    class Meta:
        db_table = "staffSessions"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-started_at"]
        default_permissions = ["view"]
        permissions = [("revoke_session", "May end sessions"), ("read_api_docs", "May read the API's documentation")]
        indexes = [
            MongoIndex(keys=[("user", 1), ("endedAt", 1)], name="user_1_endedAt_1"),
            MongoIndex(keys=[("startedAt", -1)], name="startedAt_-1"),
            MongoIndex(keys=[("web.code", 1)], name="web.code_1", where={"web.code": {"$exists": True}}),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def is_live(self) -> bool:
        """Whether the session may still be used, idleness aside."""
        return self.ended_at is None and self.expires_at > clock.now()


class DpopReplay(models.Model):
    """A proof that was used, kept here while Redis cannot keep it."""

    # `_id` is text there, `key:jti`; a text key declared here would get an index beside MongoDB's own.
    expires_at = models.DateTimeField(db_column="expiresAt")

    class Meta:
        db_table = "dpopReplays"
        default_permissions: ClassVar[list[str]] = []
        indexes = [MongoIndex(keys=[("expiresAt", 1)], name="expiresAt_1", expire_after=0)]

    def __str__(self) -> str:
        return str(self.id)


def thumbprint_label(thumbprint: str) -> str:
    """Return a key's thumbprint as people compare it: the first twelve characters in groups of four."""
    return " ".join(thumbprint[start : start + 4] for start in range(0, 12, 4))
