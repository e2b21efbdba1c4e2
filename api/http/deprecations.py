"""Announcement of deprecated routes and fields: Deprecation (RFC 9745) and Sunset (RFC 8594)."""

from datetime import datetime
from email.utils import format_datetime

import msgspec

from api.http.replies import Header


class Deprecation(msgspec.Struct, frozen=True):
    """What is replaced since `since`, explained at the URL `page`. `when` says in OpenAPI what it concerns.

    `sunset` is the time after which it may stop working; within a version of the API nothing does.
    """

    since: datetime
    page: str
    when: str
    sunset: datetime | None = None

    def headers(self) -> list[Header]:
        """Return the headers of an answer. Deprecation is a date of structured fields: @ and seconds."""
        announced: list[Header] = [
            (b"deprecation", b"@%d" % self.since.timestamp()),
            (b"link", b'<%b>; rel="deprecation"; type="text/html"' % self.page.encode()),
        ]
        if self.sunset is not None:
            announced.append((b"sunset", format_datetime(self.sunset, usegmt=True).encode()))
        return announced
