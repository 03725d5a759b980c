"""Who acts: the person and the machine that stand behind every change."""

from dataclasses import dataclass, field

from bson import ObjectId

from backend.core.problems import Forbidden


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A person with a role, on a machine where it is a till.

    `cinemas` empty means all cinemas. `device` is the key's RFC 7638 thumbprint; it, `machine_code` and
    `session` are None for a manager in the back office and for a command.
    """

    id: ObjectId
    phone: str
    name: str
    role: str
    rank: int = 0
    permissions: frozenset[str] = field(default=frozenset(), repr=False)
    cinemas: tuple[ObjectId, ...] = ()
    session: ObjectId | None = None
    machine_code: str | None = None
    device: str | None = None
    till: str | None = None
    address: str | None = None

    def may(self, permission: str) -> bool:
        """Return whether the role has `permission` (`app.verb_noun`)."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise Forbidden where the role lacks `permission`."""
        if not self.may(permission):
            raise Forbidden

    def sees(self, cinema: ObjectId) -> bool:
        """Return whether `cinema` is one of the caller's."""
        return not self.cinemas or cinema in self.cinemas

    def staff(self) -> dict[str, object]:
        """Return the person as documents and logs copy it."""
        return {"id": self.id, "name": self.name, "phone": self.phone}

    def machine(self) -> dict[str, object]:
        """Return the machine as documents and logs copy it."""
        return {"machineCode": self.machine_code, "key": self.device, "name": self.till}
