"""Phone numbers as people type them, and as they are shown."""

from __future__ import annotations

import re
import unicodedata

_MAINLAND = re.compile(r"1[3-9]\d{9}")
_ABROAD = re.compile(r"\+[1-9]\d{6,14}")
_BETWEEN = re.compile(r"[\s().\-‐-―－·]+")


def normal_phone(text: str) -> str | None:
    """Return 11 digits for a mainland mobile, else `+` and digits (E.164); None where it is neither.

    Full-width digits, spaces, dashes, brackets, and +86, 0086 or 86 in front are all taken.
    """
    digits = _BETWEEN.sub("", unicodedata.normalize("NFKC", text))
    for prefix in ("+86", "0086", "86"):
        rest = digits.removeprefix(prefix)
        if rest != digits and _MAINLAND.fullmatch(rest):
            return rest
    if _MAINLAND.fullmatch(digits):
        return digits
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    return digits if _ABROAD.fullmatch(digits) else None


def spaced_phone(text: str) -> str:
    """Return a number, whole or still being typed, in the groups that people read: 138 0000 0002."""
    digits = _BETWEEN.sub("", unicodedata.normalize("NFKC", text))
    if not re.fullmatch(r"1\d{0,10}", digits):
        return unicodedata.normalize("NFKC", text)
    return " ".join(part for part in (digits[:3], digits[3:7], digits[7:]) if part)
