"""Creates share links through the product's form, and opens them as a recipient."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx

from tests.audit.markup import parsed
from tests.audit.site import Site, Visitor

LEAST_SHOWN = {
    "recipient": "Recipient of the audit",
    "every_feature": "on",
    "exports": "on",
    "period": "free",
    "fresh": "live",
    "password": "none",
    "start": "",
    "end": "",
}


def opened_link(site: Site, customer_id: str, properties: list[str]) -> Visitor:
    """A recipient who has opened a new link to all features of a customer, and to these properties."""
    return _opened(site, created_link(site.staff.client, customer_id, properties))


def created_link(client: httpx.Client, customer_id: str, properties: list[str]) -> str:
    """The path of such a link. `client`: of a user who may create it."""
    page = client.get(f"/shares/new?customer_id={quote(customer_id, safe='')}&range=30d&tz=UTC")
    for _ in range(2):  # the second time with the warnings of the first one accepted
        page = client.post(
            "/shares/new",
            data={
                **_hidden(page.text),
                **LEAST_SHOWN,
                "customer_id": customer_id,
                "properties": properties,
                "life": "7",
            },
            headers={"Referer": str(page.url)},
        )
        if made := re.search(r"/s/[A-Za-z0-9_~.-]+", page.text):
            return made[0]
    raise RuntimeError(f"no link was made: {page.status_code}")


def _hidden(text: str) -> dict[str, list[str]]:
    """The hidden fields of the form."""
    fields: dict[str, list[str]] = {}
    for form in parsed(text).all("form", of_class="share"):
        for field in form.all("input"):
            if field.get("type") == "hidden":
                fields.setdefault(str(field.get("name")), []).append(field.get("value") or "")
    return fields


def _opened(site: Site, path: str) -> Visitor:
    recipient = site.visitor()
    answer = recipient.client.get(path)
    found = re.match(r"/shared/[^/]+/", answer.url.path)
    if found is None:
        raise RuntimeError(f"the link led to {answer.url.path}")
    recipient.client.base_url = httpx.URL(site.url + found[0])
    return recipient
