"""Runs cases: a world for each hundred, queried by staff and by recipients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import time

from tests.audit.arrivals import Arrivals
from tests.audit.cases import WEIGHTS, Case, Kind
from tests.audit.customers import world_of
from tests.audit.findings import Finding
from tests.audit.random_queries import flat
from tests.audit.report import Difference
from tests.audit.sharing import opened_link
from tests.audit.site import Site, Visitor
from tests.audit.truth import shown_properties
from tests.audit.world import Customer, World

CASES_OF_A_WORLD = 100
ARRIVE_AFTER = 10
"""The late rows of a world arrive before this case, so that a single case can be repeated."""
SHARED = 0.12
LINKS = 3


@dataclass(slots=True)
class Run:
    """One run of the auditor.

    `falsify`: changes the expected world, to check that the difference is found.
    """

    seed: int
    age: str
    environment: dict[str, str] = field(default_factory=dict)
    only: int | None = None
    write: Callable[[str], None] = print
    falsify: Callable[[World], World] = lambda world: world
    differences: list[Difference] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    done: int = 0

    def cases(self, count: int) -> None:
        """Run the first `count` cases of the seed, or only the selected one."""
        first = 0 if self.only is None else self.only - self.only % CASES_OF_A_WORLD
        last = count if self.only is None else self.only + 1
        with TemporaryDirectory(prefix="audit-static-") as prepared:
            for start in range(first, last, CASES_OF_A_WORLD):
                world = world_of(Random(f"{self.seed}:{start}"), int(time() * 1000))
                with Site(world, self.age, Path(prepared), self.environment) as site:
                    self._world(site, self.falsify(world), start, min(last, start + CASES_OF_A_WORLD))

    def _world(self, site: Site, truth: World, start: int, end: int) -> None:
        links = self._links(site, Random(f"{self.seed}:{start}:links"))
        arrivals, middle = Arrivals(site, truth, self.age), start + ARRIVE_AFTER
        for number in range(start, end):
            if number == middle:
                self._note("live tail", "arrivals", arrivals.check_after, number)
            if self.only in (None, number):
                self._case(site, truth, links, number, late=number >= middle)
            if number == start:
                arrivals.fetch_before()

    def _links(self, site: Site, rng: Random) -> list[tuple[Customer, Visitor]]:
        """Links of a few customers with all properties, opened by their recipients."""
        chosen = rng.sample([each for each in site.world.customers if each.rows], LINKS)
        return [(each, opened_link(site, each.id, _paths(each))) for each in chosen]

    def _case(
        self, site: Site, truth: World, links: list[tuple[Customer, Visitor]], number: int, *, late: bool
    ) -> None:
        rng = Random(f"{self.seed}:{number}")
        kind = rng.choices([kind for kind, _ in WEIGHTS], [weight for _, weight in WEIGHTS])[0]
        case = Case(rng, truth, self.age, rng.choice(truth.customers), site.staff, late=late)
        if rng.random() < SHARED:
            known, case.visitor = rng.choice(links)
            case.customer = next(each for each in truth.customers if each.id == known.id)
            case.shared = True
        self._note(_surface(kind, case), case.customer.kind, lambda: kind(case), number, case)
        self.refused.update(case.refused)
        self.done += 1

    def _note(
        self,
        surface: str,
        customer: str,
        judge: Callable[[], list[Finding]],
        number: int,
        case: Case | None = None,
    ) -> None:
        again = f"--seed {self.seed} --age {self.age} --only {number}"
        for finding in judge():
            url = case.url if case is not None else "/events/live/"
            difference = Difference(surface, customer, finding, url, again)
            self.differences.append(difference)
            self.write(str(difference))


def _surface(kind: Kind, case: Case) -> str:
    return f"{'shared ' if case.shared else ''}{kind.__name__.replace('_', ' ')}"


def _paths(customer: Customer) -> list[str]:
    """The paths of all properties."""
    return sorted({path for row in customer.rows for path, _ in flat(shown_properties(row.properties))})
