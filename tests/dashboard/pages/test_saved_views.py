"""Saved views: a name for a query, private or for all staff."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard import models
from dashboard.models import MOST_SAVED_VIEWS, VIEW_NAME_LENGTH, VIEW_QUERY_LENGTH, SavedView, User
from dashboard.names.search import MOST_VIEWS
from tests.page import Page

QUERY = "customer_id=hooli&group_by=properties.model&range=7d&tz=Europe%2FBerlin"
NEW = f"/views/new/usage/?{QUERY}"
People = Callable[..., User]


@pytest.fixture
def clients(person: People, live_mode: Settings) -> Callable[[str], Client]:
    """A signed-in client by name, created on first use: `clients("sharer")` has the role of its name."""
    made: dict[str, Client] = {}

    def client(name: str) -> Client:
        if name not in made:
            made[name] = Client()
            made[name].force_login(person(name.rstrip("2"), name))
        return made[name]

    return client


Clients = Callable[[str], Client]


def save(client: Client, name: str = "Hooli", address: str = NEW, **fields: str) -> SavedView:
    answer = client.post(address, {"name": name, **fields})
    assert answer.status_code == 302, Page(answer).text
    return SavedView.objects.get(name=name)


def listed(client: Client) -> set[str]:
    return set(Page(client.get("/views/")).values("data-saved-view", "tr"))


def test_saved_view_opens_what_was_saved_by_its_plain_address(clients: Clients) -> None:
    """Relative dates stay relative; the place in a list does not belong to a view."""
    client = clients("viewer")
    assert Page(client.get(NEW)).one("input", name="name")["value"]
    answer = client.post(f"{NEW}&until=1795000000000&page=2", {"name": "Hooli"})
    parts = urlsplit(answer["Location"])
    assert parts.path == "/usage/"
    assert parse_qs(parts.query) == parse_qs(QUERY)
    link = Page(client.get("/views/")).one("tr", data_saved_view=True).all("a")[0]
    assert link["href"] == answer["Location"]


@pytest.mark.parametrize("page", ["overview", "events", "usage"])
def test_page_of_staff_leads_to_saving_its_own_query(page: str, sample: object, client: Client) -> None:
    root = {"overview": "/"}.get(page, f"/{page}/")
    link = Page(client.get(f"{root}?range=7d&tz=UTC")).one("a", data_save_view=True)
    assert link["href"] == f"/views/new/{page}/?range=7d&tz=UTC"
    assert client.get(link["href"] or "").status_code == 200
    save(client, f"of {page}", link["href"])  # as the demo user, whose views can be for all staff
    save(client, f"of {page} for all", link["href"], for_all_staff="on")


def test_zone_that_was_retired_is_named_instead_of_opening_something_else(clients: Clients) -> None:
    client = clients("viewer")
    view = save(client)
    SavedView.objects.update(query="range=7d&tz=Mars%2FOlympus")
    view.refresh_from_db()
    page = Page(client.get("/views/"))
    [row] = page.all("tr", data_notice="invalid-view")
    opened = client.get(row.all("a")[0]["href"] or "")
    assert opened.status_code == 400
    assert Page(opened).one("section", data_notice="invalid-query").values("data-error") == ["tz"]
    on_overview = Page(client.get("/")).one("a", data_saved_view=str(view.pk))
    assert on_overview["href"] == view.address
    assert "hx-boost" not in on_overview  # would draw the page without what is invalid


def test_private_view_is_its_owner_s_alone(clients: Clients) -> None:
    view = save(clients("sharer"))
    for other in ("viewer", "admin"):
        assert listed(clients(other)) == set()
        assert clients(other).get(f"/views/{view.pk}/").status_code == 404
        assert clients(other).post(f"/views/{view.pk}/delete").status_code == 404
        assert not Page(clients(other).get("/")).has(data_saved_view=True)


def test_view_for_all_staff_is_changed_by_its_owner_and_admins_only(clients: Clients) -> None:
    view = save(clients("sharer"), for_all_staff="on")
    assert listed(clients("viewer")) == {str(view.pk)}
    assert Page(clients("viewer").get("/")).has("a", data_saved_view=str(view.pk))
    for other in ("viewer", "sharer2"):
        assert clients(other).post(f"/views/{view.pk}/", {"name": "Mine"}).status_code == 404
        assert clients(other).post(f"/views/{view.pk}/delete").status_code == 404
    for who, name in (("sharer", "Hooli 2"), ("admin", "Hooli 3")):
        clients(who).post(f"/views/{view.pk}/", {"name": name, "for_all_staff": "on"})
        view.refresh_from_db()
        assert (view.name, view.for_all_staff, view.owner.username) == (name, True, "sharer")
    assert clients("sharer").post(f"/views/{view.pk}/", {"name": "Hooli"}).status_code == 302
    assert listed(clients("viewer")) == set()
    assert clients("sharer").post(f"/views/{view.pk}/delete").status_code == 302
    assert not SavedView.objects.exists()


def test_viewer_saves_for_themselves_only(clients: Clients) -> None:
    client = clients("viewer")
    assert not Page(client.get(NEW)).has("input", name="for_all_staff")
    assert client.post(NEW, {"name": "Hooli", "for_all_staff": "on"}).status_code == 403
    view = save(client)
    assert client.post(f"/views/{view.pk}/", {"name": "Hooli", "for_all_staff": "on"}).status_code == 403
    view.refresh_from_db()
    assert not view.for_all_staff


def test_name_has_a_greatest_length(clients: Clients) -> None:
    save(clients("viewer"), "x" * VIEW_NAME_LENGTH)
    for name in ("x" * (VIEW_NAME_LENGTH + 1), "", "  ", "a\0b"):
        answer = clients("viewer").post(NEW, {"name": name})
        assert answer.status_code == 400
        assert Page(answer).values("data-error") == ["name"]


def test_name_is_taken_once(clients: Clients) -> None:
    """By one user: sent twice, a form saves one view."""
    save(clients("viewer"))
    answer = clients("viewer").post(NEW, {"name": "Hooli"})
    assert (answer.status_code, Page(answer).values("data-error")) == (400, ["name"])
    assert clients("sharer").post(NEW, {"name": "Hooli"}).status_code == 302


def test_query_has_a_greatest_length(clients: Clients) -> None:
    """Of the query string as it is stored."""

    def address(more: str) -> str:
        filters = "&".join(f"filter={each}%3A1" for each in more.split())
        return f"/views/new/events/?{filters}&tz=UTC"

    length = len("filter=%3A1&")
    count, rest = divmod(VIEW_QUERY_LENGTH - len("tz=UTC"), 500)
    paths = [f"{number:02d}{'x' * (500 - length - 2)}" for number in range(count)]
    paths[0] += "x" * rest
    save(clients("viewer"), "fits", address(" ".join(paths)))
    assert len(SavedView.objects.get().query) == VIEW_QUERY_LENGTH
    paths[0] += "x"
    answer = clients("viewer").post(address(" ".join(paths)), {"name": "too long"})
    assert (answer.status_code, Page(answer).values("data-error")) == (400, ["__all__"])


def test_user_has_at_most_so_many_views(clients: Clients) -> None:
    first = save(clients("viewer"))
    SavedView.objects.bulk_create(
        SavedView(owner=first.owner, source=first.source, name=f"view {number}", page="usage", query=QUERY)
        for number in range(MOST_SAVED_VIEWS - 2)
    )
    save(clients("viewer"), "the last")
    answer = clients("viewer").post(NEW, {"name": "one more"})
    assert (answer.status_code, Page(answer).values("data-error")) == (400, ["__all__"])
    assert clients("viewer").post(f"/views/{first.pk}/", {"name": "Renamed"}).status_code == 302


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/views/new/usage/?tz=Nowhere", 400),
        ("/views/new/shares/", 404),
        ("/views/99999999999999999999/", 404),
    ],
)
def test_invalid_address_saves_nothing(clients: Clients, address: str, status: int) -> None:
    assert clients("viewer").get(address).status_code == status
    assert clients("viewer").post(address, {"name": "Hooli"}).status_code == status
    assert not SavedView.objects.exists()


def test_views_are_changed_with_a_token_only(person: People, live_mode: Settings) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("sharer"))
    assert client.post(NEW, {"name": "Hooli"}).status_code == 403
    assert client.get("/views/1/delete").status_code == 405


def test_views_of_other_data_are_not_shown(clients: Clients, settings: Settings) -> None:
    save(clients("viewer"))
    settings.AUTUMN_SOURCE = "elsewhere"
    assert listed(clients("viewer")) == set()


def test_share_link_has_no_views(clients: Clients) -> None:
    for path in ("views/", "views/new/usage/"):
        assert clients("sharer").get(f"/shared/0123456789abcdef/{path}").status_code == 404


def test_search_finds_views_by_name(clients: Clients) -> None:
    """In a group of their own, and only where a page is opened."""
    client = clients("viewer")
    view = save(client, "Ümlaut weekly")
    for number in range(MOST_VIEWS + 1):
        save(client, f"other {number}")
    htmx = {"HX-Request": "true"}
    found = Page(client.get("/customers/", {"q": "üMLAUT", "stored": "1", "views": "1"}, headers=htmx))
    group = found.one("div", role="listbox").one("ul", role="group")
    assert group.values("data-href", "li", role="option") == [view.address]
    many = Page(client.get("/customers/", {"q": "other", "stored": "1", "views": "1"}, headers=htmx))
    assert len(many.values("data-saved-view")) == MOST_VIEWS
    to_choose = Page(client.get("/customers/", {"q": "ümlaut", "stored": "1"}, headers=htmx))
    assert not to_choose.has(data_saved_view=True)
    without_script = Page(client.get("/customers/", {"q": "ümlaut"}))
    assert view.address in without_script.hrefs


def test_hostile_name_is_text(page: Client) -> None:
    save(page, '<img src=x onerror=alert(1)>"\u202e')
    for address in ("/views/", "/", "/customers/?q=img"):
        shown = Page(page.get(address))
        assert not shown.all("img")
        assert "\u202e" not in shown.text


def test_deleted_user_s_views_are_deleted(clients: Clients) -> None:
    view = save(clients("sharer"), for_all_staff="on")
    models.User.objects.filter(pk=view.owner_id).delete()
    assert not SavedView.objects.exists()


def test_first_run_is_hidden_for_good_once_it_was(page: Client) -> None:
    """By the server, so that it never flashes; the query stays."""
    strip = Page(page.get("/?range=7d&tz=UTC")).one(data_first_run=True)
    assert Page(page.get("/usage/?tz=UTC")).has(data_first_run=True) is False
    answer = page.post(strip.one("form")["action"] or "")
    assert answer["Location"] == "/?range=7d&tz=UTC"
    assert not Page(page.get("/")).has(data_first_run=True)
