"""What a log-in is made of, and what may come of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import InsertOne

from backend.accounts.binding_documents import device_document
from backend.accounts.dpop import Proof
from backend.accounts.surroundings import Surroundings, alert_of_new_key
from backend.audit.services import login_log
from backend.audit.words import Reason

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a log-in is made of. `phone` is normalised; `proof` holds but is not yet spent."""

    phone: str
    machine_code: str
    device_name: str
    os: str
    client_version: str
    address: str
    proof: Proof
    activation_code: str | None = None

    def device(self, now: datetime) -> Document:
        """Return the machine as an account keeps it, bound at `now`."""
        return device_document(
            machine_code=self.machine_code,
            key=self.proof.key,
            name=self.device_name,
            os=self.os,
            client_version=self.client_version,
            bound_at=now,
            now=now,
        )

    def log(self, **more: Any) -> Document:
        """Return the row of the log-in log; `more` goes to `login_log`."""
        return login_log(
            phone=self.phone,
            machine_code=self.machine_code,
            key=self.proof.key,
            address=self.address,
            client_version=self.client_version,
            device_name=self.device_name,
            **more,
        )

    def alerts(
        self, user: Document | None, around: Surroundings, *, reference: str, now: datetime
    ) -> list[InsertOne[Document]]:
        """Return the write of the alert, where this machine code is known under another key."""
        if not around.has_other_key:
            return []
        return [
            alert_of_new_key(
                user,
                phone=self.phone,
                machine_code=self.machine_code,
                key=self.proof.key,
                reference=reference,
                address=self.address,
                now=now,
            )
        ]


@dataclass(frozen=True)
class Waiting:
    """A first log-in that a manager must approve, found by its reference. Ask again after so many seconds."""

    reference: str
    retry_after: int


@dataclass(frozen=True)
class LoggedIn:
    """A successful log-in: the tokens and the documents as they stand after it."""

    tokens: Document
    user: Document
    device: Document
    session: Document
    reason: Reason = Reason.KNOWN
