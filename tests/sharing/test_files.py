"""Files below a link, with an export of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory
from django.utils import timezone

from dashboard.sharing.doors import shared
from dashboard.sharing.files import CutOff, files
from dashboard.sharing.models import Share
from tests.sharing.house import House

pytestmark = pytest.mark.django_db


def three(request: HttpRequest, share: Share) -> HttpResponseBase:
    return StreamingHttpResponse(f"row {number}\n" for number in range(3))


def fetched(house: House, share: Share, token: str) -> HttpResponseBase:
    request = RequestFactory().get(f"{share.root}events/three.csv")
    request.COOKIES = {name: cookie.value for name, cookie in house.holder(share, token).cookies.items()}
    door = shared("events/three.csv", files(three), "three").callback
    response: HttpResponseBase = door(request, share_id=share.pk)
    return response


def chunks(response: HttpResponseBase) -> Iterator[bytes]:
    assert isinstance(response, StreamingHttpResponse)
    return iter(response)


def test_files_are_off_unless_allowed(house: House) -> None:
    """A link without them answers as if there were no such address; one with them hands it out, and counts it."""
    assert fetched(house, *house.share()).status_code == 404
    share, token = house.share(exports=True)
    assert list(chunks(fetched(house, share, token))) == [b"row 0\n", b"row 1\n", b"row 2\n"]
    assert [visit.page for visit in share.visits.all()] == ["events/three.csv"]


def test_a_file_ends_with_its_link(house: House) -> None:
    """Revoked on the way, the next piece is not sent: the connection breaks, and nobody takes the file for whole."""
    share, token = house.share(exports=True)
    pieces = chunks(fetched(house, share, token))
    assert next(pieces) == b"row 0\n"
    Share.objects.filter(pk=share.pk).update(revoked_at=timezone.now())
    with pytest.raises(CutOff):
        next(pieces)
