"""An S3 server on this machine (moto's) that knows its keys and their policies, and can be made to fail."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto import settings as moto_settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET, PREFIX, REGION = "cinema-backups", "east/", "us-east-1"
# What docs/guides/backup.md gives the server's key: it can put, and nothing else.
PUT_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/{PREFIX}*"}],
}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Quiet(WSGIRequestHandler):
    def log(self, *_args: Any, **_more: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Refusal:
    """What the server says no with."""

    status: int
    code: str

    def body(self) -> bytes:
        """Return it as S3 writes it."""
        return f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>{self.code}</Message></Error>".encode()


Fault = Callable[[str, bytes], bytes | Refusal]


@dataclass
class S3:
    """The server. `asked` are its calls, `PUT /bucket/key?partNumber=1`; `fault` may refuse one or change its body."""

    endpoint: str = ""
    asked: list[str] = field(default_factory=list)
    fault: Fault | None = None
    key: tuple[str, str] = ("", "")
    owner: tuple[str, str] = ("", "")

    def client(self, key: tuple[str, str]) -> Any:
        """Return a client with one of its keys."""
        return boto3.session.Session(*key, region_name=REGION).client("s3", endpoint_url=self.endpoint)

    def stored(self) -> dict[str, bytes]:
        """Return what is in the bucket, as its owner sees it."""
        owner = self.client(self.owner)
        keys = [each["Key"] for each in owner.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return {key: owner.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def parts(self) -> list[int]:
        """Return the numbers of the parts that were put, in order."""
        return [part for call in self.asked if (part := part_of(call))]

    def settings(self) -> dict[str, Any]:
        """Return the settings of who sends to it."""
        return {
            "BACKUP_OFFSITE_ENDPOINT": self.endpoint,
            "BACKUP_OFFSITE_BUCKET": BUCKET,
            "BACKUP_OFFSITE_PREFIX": PREFIX,
            "BACKUP_OFFSITE_REGION": REGION,
            "BACKUP_OFFSITE_KEY_ID": self.key[0],
            "BACKUP_OFFSITE_SECRET_KEY": self.key[1],
        }

    def wrap(self, application: Any) -> Any:
        """Return `application` behind a note of each call and the fault."""

        def answer(environ: dict[str, Any], start: Any) -> Any:
            call = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            call += f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
            self.asked.append(call)
            if self.fault is not None:
                passed = self.fault(call, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
                if isinstance(passed, Refusal):
                    start(f"{passed.status} Refused", [("Content-Type", "application/xml")])
                    return [passed.body()]
                environ["wsgi.input"] = io.BytesIO(passed)
            return application(environ, start)

        return answer


def part_of(call: str) -> int:
    """Return the number of the part that `call` puts; 0 where it puts none."""
    found = re.search(r"[?&]partNumber=(\d+)", call)
    return int(found[1]) if found else 0


def _user(endpoint: str, name: str, policy: dict[str, Any]) -> tuple[str, str]:
    iam: Any = boto3.session.Session("setup", "setup", region_name=REGION).client("iam", endpoint_url=endpoint)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


@contextmanager
def running() -> Iterator[S3]:
    """Run it with one bucket, an owner who may all and a key that may only put."""
    s3 = S3()
    application = s3.wrap(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    s3.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    before = moto_settings.INITIAL_NO_AUTH_ACTION_COUNT
    try:
        s3.client(("setup", "setup")).create_bucket(Bucket=BUCKET)
        s3.owner, s3.key = _user(s3.endpoint, "owner", ALL), _user(s3.endpoint, "cinema", PUT_ONLY)
        moto_settings.INITIAL_NO_AUTH_ACTION_COUNT, ActionAuthenticatorMixin.request_count = 0.0, 0
        s3.asked.clear()
        yield s3
    finally:
        moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = before
        server.shutdown()
        server.server_close()
        thread.join()
