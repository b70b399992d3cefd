"""The site over the sample's story, of any age and with any of its keys; calls for names are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard import services
from tests.conftest import forget
from tests.dashboard.live_site import listening
from tests.usage.api.origin import eventually
from usage.sample import SAMPLE_KEY, SampleApp, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NAME_CALLS = {"customers.get", "customers.list", "features.list"}
AGES = ("older", "current", "newest")
KEYS = (SAMPLE_KEY, f"{SAMPLE_KEY}_analytics", f"{SAMPLE_KEY}_old")
LUMEN = "cus_7f3a9k"
TWINS = ("brightside-eu", "cus_b2r19x")


class CountedCalls:
    """Autumn, and the path of each call, also of those that the server does not have."""

    def __init__(self, app: SampleApp) -> None:
        self.app = app
        self.paths: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.paths.append(environ["PATH_INFO"].removeprefix("/v1/"))
        return self.app(environ, start_response)


class NamedSite:
    """A signed-in user of the site, and the calls that it makes."""

    def __init__(self, client: Client, autumn: CountedCalls) -> None:
        self.client = client
        self.autumn = autumn

    def name_calls(self) -> list[str]:
        """The calls for names since the last use of this method, once none is on its way."""
        settle()
        made = [call for call in self.autumn.paths if call in NAME_CALLS]
        self.autumn.paths.clear()
        return made

    def search(self, text: str, **more: str) -> bytes:
        """The options of the search."""
        params = {"q": text, **more}
        return self.client.get("/customers/", params, headers={"HX-Request": "true"}).content


OpenSite = Callable[..., NamedSite]


def settle() -> None:
    """Wait until the names that pages lacked were read."""
    eventually(lambda: not services.customer_names().is_reading)


@pytest.fixture
def open_site(settings: Settings, story: Path, signed_in: Callable[..., Client]) -> Iterator[OpenSite]:
    """Open the site: `open_site(age="older", key=KEYS[1])`. `store`: of other customers than the story's."""
    with ExitStack() as stack:
        stack.callback(forget)

        def make(
            age: str = "current", key: str = SAMPLE_KEY, store: Store | None = None, **chosen: object
        ) -> NamedSite:
            store = stack.enter_context(closing(store or Store(story)))
            autumn = CountedCalls(SampleApp(store, age=age, limit_per_second=None))
            settings.AUTUMN_SECRET_KEY, settings.AUTUMN_MODE, settings.AUTUMN_PACE = key, "test", 100_000
            settings.AUTUMN_API_URL = stack.enter_context(listening(autumn))
            for name, value in chosen.items():
                setattr(settings, name, value)
            forget()
            return NamedSite(signed_in("sharer"), autumn)

        yield make
