"""What a listener on the network has: whole requests, to be sent again, from anywhere, to any worker."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.support.till import Answer, Till

SESSION = "/api/v2/session"


@dataclass(frozen=True)
class Overheard:
    """One request as it went over the wire."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]

    def sent(self, till: Till) -> Answer:
        """Send it over the connection of `till`."""
        return till.send(self.method, self.path, self.body, dict(self.headers))

    def sent_to_all(self, senders: Sequence[Till]) -> list[str]:
        """Send it over many connections at once, so that every worker is asked; return the outcomes, sorted."""
        with ThreadPoolExecutor(len(senders)) as pool:
            return sorted(outcome(answer) for answer in pool.map(self.sent, senders))


def overhear(till: Till, path: str = SESSION, *, method: str = "GET", body: Any = None, **claims: Any) -> Overheard:
    """Return the request that `till` would send now, with `claims` replaced in its proof."""
    headers = {"DPoP": till.proof(method, path, **claims)}
    if till.access_token:
        headers["Authorization"] = f"DPoP {till.access_token}"
    return Overheard(method, path, None if body is None else json.dumps(body).encode(), headers)


def outcome(answer: Answer) -> str:
    """Return `ok`, or the code of the refusal."""
    return "ok" if answer.status_code < 300 else str(answer.json()["code"])


def greet(*tills: Till) -> None:
    """Give each of `tills` a nonce, so that its next request is its only one."""
    for till in tills:
        till.nonce = till.send("GET", "/api/v2/client/latest", None, {}).headers["DPoP-Nonce"]
