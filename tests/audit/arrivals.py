"""Rows that arrive between two requests: whether live tail shows them, and whether figures mix two times."""

from __future__ import annotations

from time import time

from tests.audit import file_reading, files, part_reading, reading
from tests.audit.calendars import DAY
from tests.audit.findings import Finding
from tests.audit.query import Query
from tests.audit.requested import Requested
from tests.audit.site import Site
from tests.audit.world import World


class Arrivals:
    """The customer with late rows, before and after they arrive."""

    def __init__(self, site: Site, world: World, age: str) -> None:
        self._site, self._world, self._age = site, world, age
        self._customer = next(each for each in world.customers if each.late)
        self._top = ""
        id_ = self._customer.id
        self._running = Query(customer_id=id_, range="24h", feature_id=("stream",))
        self._closed = _days_ago(Query(customer_id=id_, feature_id=("stream",), bin_size="day"), world)

    def fetch_before(self) -> None:
        """Fetch ungrouped figures of a running and of a past window, and the first rows of the list."""
        for query in (self._running, self._closed):
            self._site.staff.get(query.url("/usage/"))
        page = reading.page_of(self._site.staff.get(self._running.url("/events/")).text)
        if page.rows:
            self._top = f"{page.rows[0][0]},{page.rows[0][1]}"

    def check_after(self) -> list[Finding]:
        """Let the rows arrive, and check live tail and figures by group."""
        self._site.load(late=True)
        found = self._tail()
        for query in (self._running, self._closed):
            grouped = query.having(group_by="properties.job")
            now = int(time() * 1000)
            answer = self._site.staff.get(grouped.url("/usage/export.csv"))
            if answer.status == 200:
                requested = Requested(grouped, self._world, self._age, now, late=True)
                found += files.usage_file(requested, file_reading.usage_file(answer.text))
        return found

    def _tail(self) -> list[Finding]:
        query = self._running.having(feature_id=())
        late = next(row for row in self._customer.late if row.properties["job"] == "late")
        headers = {"HX_Request": "true", "Live_After": self._top, "Cache_Control": "no-cache"}
        answer = self._site.staff.get(query.url("/events/live/"), **headers)
        shown = {name for _, name in reading.page_of(answer.text).rows}
        if answer.status != 200 or late.id in shown or part_reading.says_missed(answer.text):
            return []
        return [Finding("late row", "neither shown nor counted as missed", late.id)]


def _days_ago(query: Query, world: World) -> Query:
    """The query in a past window of whole days, with rows that arrive late."""
    old = min(row.timestamp for each in world.customers for row in each.late)
    start = old - old % DAY - DAY
    return query.between(start, start + 3 * DAY)
