"""Phone numbers: any usual form in, one form kept."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from django.utils.translation import gettext_lazy as _

from backend.core.problems import Invalid

# What tills send and lists hold: most texts are it already.
AS_STORED = re.compile(r"1[0-9]{10}")


@lru_cache(maxsize=4096)
def normalised(text: str) -> str | None:
    """Return 11 digits for a +86 mobile, else E.164; None where `text` is no phone number.

    Spaces, dashes, `+86`, `0086` and full-width digits are accepted.
    """
    if AS_STORED.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    try:
        number = phonenumbers.parse(plain, "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or number.extension:
        return None
    if number.country_code == 86:
        digits = phonenumbers.national_significant_number(number)
        return digits if len(digits) == 11 and digits.startswith("1") else None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def required_phone(text: str, field: str = "phone") -> str:
    """Return `text` normalised; raises Invalid naming `field` where it is no phone number."""
    phone = normalised(text)
    if phone is None:
        raise Invalid({field: [_("Not a phone number: write 11 digits, or +country and number.")]})
    return phone
