"""Count BSON documents in a stream of bytes without decoding them: each begins with its own length."""

import struct

from backend.ops.backup.errors import Damaged

SMALLEST = 5  # length and the closing zero
LARGEST = 16 * 1024 * 1024 + 16 * 1024  # MongoDB's own limit of a stored document
LENGTH = 4
SIZE = struct.Struct("<i")


class DocumentCounter:
    """Takes a stream piece by piece; holds at most one length in memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.documents = 0
        self._missing = 0  # bytes of the document that has begun
        self._length = b""  # of the next one, where a piece ended inside it

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; raises Damaged where they are no documents."""
        view = memoryview(piece)
        at = 0
        while at < len(view):
            if self._missing:
                step = min(self._missing, len(view) - at)
                self._missing -= step
                at += step
                if not self._missing and view[at - 1] != 0:
                    raise Damaged(f"{self.name}: document {self.documents} does not end where it should")
                continue
            if not self._length and at + LENGTH <= len(view):
                self._begin(SIZE.unpack_from(view, at)[0])
                at += LENGTH
                continue
            take = min(LENGTH - len(self._length), len(view) - at)
            self._length += bytes(view[at : at + take])
            at += take
            if len(self._length) == LENGTH:
                self._begin(SIZE.unpack(self._length)[0])

    def _begin(self, size: int) -> None:
        if not SMALLEST <= size <= LARGEST:
            raise Damaged(f"{self.name}: document {self.documents + 1} says it has {size} bytes")
        self.documents += 1
        self._missing = size - LENGTH
        self._length = b""

    def close(self) -> int:
        """Return how many documents there were; raises Damaged where the last is cut off."""
        if self._missing or self._length:
            raise Damaged(f"{self.name}: the last document is cut off")
        return self.documents
