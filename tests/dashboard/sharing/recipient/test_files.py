"""Files below a link: only if it allows them, only its data, only until it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from dashboard.exports import stream
from dashboard.exports.lease import BrokenOff
from dashboard.models import ExportRecord
from dashboard.sharing import passwords
from dashboard.sharing.models import Share
from tests.dashboard.sharing.canary_organization import SEEN, CanarySite
from tests.page import Page

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return (b"".join(response) if response.streaming else response.content).decode()


def test_files_have_the_data_of_the_link(canary_site: CanarySite) -> None:
    """Rows and figures of its customer, feature and period, with its properties only; each has a record."""
    share, token = canary_site.share(exports=True)
    client = canary_site.recipient_client(share, token)
    files = {
        name: text_of(client.get(f"{share.root}{name}"))
        for name in ("events/export.csv", "events/export.jsonl", "usage/export.csv")
    }
    assert "CANARY" not in str(files)
    rows = list(csv.DictReader(files["events/export.csv"].splitlines()))
    assert len(rows) == len(files["events/export.jsonl"].splitlines()) == 60
    assert {row["customer_id"] for row in rows} == {SEEN}
    assert set(json.loads(rows[0]["properties"])) == {"model", "meta"}
    figures = csv.DictReader(files["usage/export.csv"].splitlines())
    assert sum(float(row["value"]) for row in figures) == sum(float(row["value"]) for row in rows)
    assert {record.who for record in ExportRecord.objects.all()} == {f"link {share.pk}"}
    assert all(f"customer_id={SEEN}" in record.query for record in ExportRecord.objects.all())
    assert share.visits.count() == 3


def test_two_recipients_download_at_once(canary_site: CanarySite) -> None:
    """The limit of one export is for each recipient; no recipient waits for another or stops their file."""
    share, token = canary_site.share(exports=True)
    first, second = canary_site.recipient_client(share, token), canary_site.recipient_client(share, token)
    running = iter(first.get(f"{share.root}events/export.csv"))
    assert next(running)
    assert first.get(f"{share.root}events/export.csv").status_code == 409
    assert len(text_of(second.get(f"{share.root}events/export.csv")).splitlines()) == 61
    second.post(f"{share.root}events/export/")
    assert len(list(running)) > 0


def test_link_has_three_exports_at_most(canary_site: CanarySite) -> None:
    """Even if it is opened again; the next export has to wait."""
    share, token = canary_site.share(exports=True)
    running = []
    for _ in range(3):
        running.append(iter(canary_site.recipient_client(share, token).get(f"{share.root}events/export.csv")))
        assert next(running[-1])
    late = canary_site.recipient_client(share, token).get(f"{share.root}events/export.csv")
    assert (late.status_code, late.headers["Retry-After"]) == (503, "30")
    list(running[0])
    last = canary_site.recipient_client(share, token).get(f"{share.root}events/export.csv")
    assert last.status_code == 200
    # A stream that is left alone ends in the thread that collects it, with a connection to the database.
    for each in (*running, iter(last)):
        list(each)


def test_files_refuse_what_the_link_refuses(canary_site: CanarySite) -> None:
    """Customers, hidden properties and other times are a 400, as on pages."""
    share, token = canary_site.share(exports=True)
    client = canary_site.recipient_client(share, token)
    for name in ("events/export.csv", "events/export.jsonl", "usage/export.csv"):
        for query in ("customer_id=cus_seen", "customer_id=cus_other", "filter=user:x", "range=7d"):
            assert client.get(f"{share.root}{name}?{query}").status_code == 400, (name, query)


def test_pages_offer_files_if_the_link_allows_them(canary_site: CanarySite) -> None:
    for allowed in (False, True):
        share, token = canary_site.share(exports=allowed)
        client = canary_site.recipient_client(share, token)
        for page in ("events/", "usage/"):
            assert ("export" in client.get(f"{share.root}{page}").content.decode()) == allowed


def test_refused_export_links_back_to_the_link(canary_site: CanarySite) -> None:
    """The page that refuses a file links to no staff page, and does not name the kind of key."""
    share, token = canary_site.share(exports=True)
    client = canary_site.recipient_client(share, token)
    for page in ("events/export.csv?nothing=1", "events/export/"):
        refused = Page(client.get(f"{share.root}{page}", headers={"Accept": "text/html"}))
        assert refused.hrefs
        assert all(href.startswith(share.root) for href in refused.hrefs)
        if "nothing=1" in page:
            assert [href for href in refused.hrefs if href.endswith("?nothing=1")]
        assert not refused.has(data_mode=True)


def revoke(share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(revoked_at=timezone.now())


def give_a_new_password(share: Share) -> None:
    passwords.change_password(share, "another horse")


@pytest.mark.parametrize("end", [revoke, give_a_new_password])
def test_export_ends_with_its_link(
    canary_site: CanarySite, monkeypatch: pytest.MonkeyPatch, end: Callable[[Share], None]
) -> None:
    """If the link is revoked or gets a new password, the file ends at the stream's next check."""
    monkeypatch.setattr(stream, "CHECK_INTERVAL_S", 0.0)
    share, token = canary_site.share("correct horse", exports=True)
    recipient_client = canary_site.recipient_client(share, token, "correct horse")
    pieces: Iterator[bytes] = iter(recipient_client.get(f"{share.root}events/export.csv"))
    assert next(pieces)
    end(share)
    with pytest.raises(BrokenOff):
        list(pieces)
    assert ExportRecord.objects.get().ending == ExportRecord.Ending.REVOKED
