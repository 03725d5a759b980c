"""Copy backups to an S3-compatible store with a key that can only put: nothing there is listed, read or removed.

What is sent carries its MD5, which every such store holds against what it received, and its answer is compared again.
A large backup goes in parts that are recorded one by one (records.py), so that a copy that was cut off goes on.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from backend.core import clock
from backend.ops.backup import records
from backend.ops.backup.errors import BackupError
from backend.ops.backup.records import Record
from backend.ops.backup.shelf import Backup, backups_in
from backend.ops.backup.streams import ENCRYPTED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
else:
    S3Client = Any

MEBIBYTE = 1024 * 1024
PART = 16 * MEBIBYTE  # held in memory; a smaller backup goes in one piece
MOST_PARTS = 9000  # a store takes 10,000
TRIES = 5  # of each call; a run that still fails is followed by the next run
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Store:
    """Where copies go. `endpoint` is its address; `addressing` is `path`, or `virtual`: a host for each bucket."""

    endpoint: str
    bucket: str
    prefix: str
    region: str
    addressing: str
    key_id: str
    secret_key: str = field(repr=False)

    def client(self) -> S3Client:
        """Return a client that keeps to what stores other than Amazon's know."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": TRIES},
                # Others than Amazon refuse its newer checksums; MD5 is known to all, and signed with the content.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3=cast("Any", {"addressing_style": self.addressing, "payload_signing_enabled": True}),
            ),
        )


def store() -> Store | None:
    """Return the store that the settings name, or None where they name none.

    Raises BackupError where they name half of one, or no address.
    """
    if not settings.BACKUP_OFFSITE_ENDPOINT:
        return None
    if not settings.BACKUP_OFFSITE_ENDPOINT.startswith(("https://", "http://")):
        raise BackupError("BACKUP_OFFSITE_ENDPOINT is no address, like https://s3.example.com")
    needed = ("BUCKET", "KEY_ID", "SECRET_KEY")
    missing = [f"BACKUP_OFFSITE_{name}" for name in needed if not getattr(settings, f"BACKUP_OFFSITE_{name}")]
    if missing:
        raise BackupError(f"BACKUP_OFFSITE_ENDPOINT is set, but not {' and '.join(missing)}")
    return Store(
        endpoint=settings.BACKUP_OFFSITE_ENDPOINT,
        bucket=settings.BACKUP_OFFSITE_BUCKET,
        prefix=settings.BACKUP_OFFSITE_PREFIX,
        region=settings.BACKUP_OFFSITE_REGION,
        addressing=settings.BACKUP_OFFSITE_ADDRESSING,
        key_id=settings.BACKUP_OFFSITE_KEY_ID,
        secret_key=settings.BACKUP_OFFSITE_SECRET_KEY,
    )


def waiting(shelf: Path) -> list[Backup]:
    """Return the backups in `shelf` that are to be sent, the newest first: in production encrypted ones alone."""
    kept = records.directory_for(shelf)
    return [
        backup
        for backup in backups_in(shelf)
        if not records.is_off_site(kept, backup)
        and (backup.path.suffix == ENCRYPTED or not settings.BACKUP_MUST_BE_ENCRYPTED)
    ]


def send_waiting(shelf: Path, to: Store, *, now: Callable[[], datetime], progress: Progress) -> list[Backup]:
    """Send what is to be sent and return it; twice at once is harmless: both put the same bytes under the same name.

    Raises BackupError where one cannot be sent; those before it are sent, and what it has of this one is recorded.
    """
    kept, client = records.directory_for(shelf), to.client()
    try:
        records.forget(kept, backups_in(shelf))
    except OSError as error:
        raise BackupError(f"{kept} cannot be written ({error.strerror})") from error
    sent = []
    for backup in waiting(shelf):
        try:
            _send(client, to, backup, kept, now=now, progress=progress)
        except FileNotFoundError:
            continue  # it was no longer needed meanwhile
        except (BotoCoreError, ClientError, OSError) as error:
            raise BackupError(f"{backup.path.name} could not be sent to {to.endpoint} ({error})") from error
        sent.append(backup)
    return sent


def _send(
    client: S3Client, to: Store, backup: Backup, kept: Path, *, now: Callable[[], datetime], progress: Progress
) -> None:
    record = records.read(kept, backup)
    size, key = backup.size, to.prefix + backup.path.name
    if record is None or (record.bucket, record.key, record.size) != (to.bucket, key, size):
        record = Record(bucket=to.bucket, key=key, size=size, part_size=max(PART, -(-size // MOST_PARTS)))
    with backup.path.open("rb") as file:
        if size <= record.part_size:
            content = file.read()
            _check(client.put_object(Bucket=to.bucket, Key=key, Body=content, ContentMD5=_sent_md5(content)), content)
        else:
            try:
                _send_parts(client, record, backup, file, kept, progress)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchUpload":
                    raise
                # The store gave the copy up, or has finished it without our hearing of it: from the start.
                record.upload, record.parts = None, []
                _send_parts(client, record, backup, file, kept, progress)
    record.sent_at, record.upload, record.parts = clock.iso(now()), None, []
    records.write(kept, backup, record)


def _send_parts(
    client: S3Client, record: Record, backup: Backup, file: IO[bytes], kept: Path, progress: Progress
) -> None:
    if record.upload is None:
        record.upload = client.create_multipart_upload(Bucket=record.bucket, Key=record.key)["UploadId"]
        records.write(kept, backup, record)
    file.seek(len(record.parts) * record.part_size)
    while content := file.read(record.part_size):
        answer = client.upload_part(
            Bucket=record.bucket,
            Key=record.key,
            UploadId=record.upload,
            PartNumber=len(record.parts) + 1,
            Body=content,
            ContentMD5=_sent_md5(content),
        )
        _check(answer, content)
        record.parts.append(answer["ETag"])
        records.write(kept, backup, record)
        progress(f"{backup.path.name}: MiB sent", len(record.parts) * record.part_size // MEBIBYTE)
    client.complete_multipart_upload(
        Bucket=record.bucket,
        Key=record.key,
        UploadId=record.upload,
        MultipartUpload={"Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(record.parts, start=1)]},
    )


def _sent_md5(content: bytes) -> str:
    return b64encode(_md5(content).digest()).decode()


def _md5(content: bytes) -> Any:
    return hashlib.md5(content, usedforsecurity=False)  # what S3 calls Content-MD5 and ETag; age guards the content


def _check(answer: Any, content: bytes) -> None:
    """Hold the store's own digest against ours; with a key of its own it gives another one."""
    plain = answer.get("ServerSideEncryption", "AES256") == "AES256"
    if plain and answer["ETag"].strip('"') != _md5(content).hexdigest():
        raise OSError("the store has received other bytes than were sent")
