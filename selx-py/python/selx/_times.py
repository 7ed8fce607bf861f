"""Times as the native module writes them."""

from __future__ import annotations

import datetime


def utc(text: str) -> datetime.datetime:
    """Reads a time. Until 3.11 Python reads neither the Z nor fractions of other lengths than three and six."""
    whole, _, rest = text.rstrip("Z").partition(".")
    time = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return time + datetime.timedelta(microseconds=int((rest + "000000")[:6]))
