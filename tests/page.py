"""A page for tests: its elements by attribute, role, label and form field, never by its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
ROLES = {
    "a": "link",
    "button": "button",
    "form": "form",
    "nav": "navigation",
    "h1": "heading",
    "h2": "heading",
}


class Response(Protocol):
    """A response of Django's test client or of httpx."""

    @property
    def content(self) -> bytes: ...


@dataclass(slots=True, eq=False)
class Element:
    """An element: `element["data-sum"]` is an attribute, or None."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    parent: Element | None = None

    def __getitem__(self, name: str) -> str | None:
        return self.attributes.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    @property
    def text(self) -> str:
        """All text inside, with single spaces."""
        return " ".join("".join(self._strings()).split())

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    @property
    def role(self) -> str | None:
        return self["role"] or ROLES.get(self.tag)

    @property
    def elements(self) -> Iterator[Element]:
        """All elements inside, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.elements

    @property
    def source(self) -> tuple[object, ...]:
        """The element as a value: two are equal if tag, attributes and content are."""
        inner = tuple(child if isinstance(child, str) else child.source for child in self.children)
        return (self.tag, tuple(self.attributes.items()), inner)

    def all(self, tag: str | None = None, **wanted: str | bool) -> list[Element]:
        """Elements inside with this tag and these attributes: `all(data_path="model")`, True where any value
        will do.

        An underscore in a name stands for a hyphen; `class_` names one class of several, `role` also the role
        that the tag has by itself.
        """
        return [item for item in self.elements if tag in (None, item.tag) and item._has(wanted)]

    def one(self, tag: str | None = None, **wanted: str | bool) -> Element:
        """The only such element."""
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} elements are {tag} {wanted} in {self.text[:500]!r}"
        return found[0]

    def has(self, tag: str | None = None, **wanted: str | bool) -> bool:
        return bool(self.all(tag, **wanted))

    def values(self, attribute: str, tag: str | None = None, /, **wanted: str | bool) -> list[str]:
        """This attribute of each element inside that has it."""
        return [item.attributes[attribute] for item in self.all(tag, **wanted) if attribute in item]

    def texts(self, tag: str | None = None, **wanted: str | bool) -> list[str]:
        return [item.text for item in self.all(tag, **wanted)]

    def links(self, **parameters: str) -> list[str]:
        """The addresses of links inside whose query has exactly these parameters."""
        hrefs = self.values("href", "a")
        return [href for href in hrefs if parameters.items() <= dict(query_pairs(href)).items()]

    @property
    def hrefs(self) -> set[str]:
        """Every address of a link inside."""
        return set(self.values("href", "a"))

    def field(self, name: str) -> Element:
        """The only form field with this name."""
        found = [
            item
            for item in self.elements
            if item.tag in ("input", "select", "textarea") and item["name"] == name
        ]
        assert len(found) == 1, f"{len(found)} fields are called {name}"
        return found[0]

    def has_field(self, name: str) -> bool:
        return any(
            item["name"] == name for item in self.elements if item.tag in ("input", "select", "textarea")
        )

    @property
    def fields(self) -> dict[str, list[str]]:
        """The values that a browser would submit: without unchecked boxes, and the selected option of
        selects.
        """
        found: dict[str, list[str]] = {}
        for item in self.elements:
            for value in item._sent():
                found.setdefault(item.attributes["name"], []).append(value)
        return found

    def form(self, action: str) -> Element:
        """The only form with this `action`."""
        return self.one("form", action=action)

    def labeled(self, label: str) -> list[Element]:
        """Elements with this accessible name."""
        return self.all(aria_label=label)

    @property
    def errors(self) -> set[str]:
        """The names of the form fields inside that are marked as invalid."""
        return {item["name"] or "" for item in self.all(aria_invalid="true")}

    def _strings(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in ("script", "style"):
                yield from child._strings()
                yield " " if child.tag not in ("b", "i", "span", "a", "u") else ""

    def _has(self, wanted: dict[str, str | bool]) -> bool:
        return all(self._is(name.rstrip("_").replace("_", "-"), value) for name, value in wanted.items())

    def _is(self, name: str, value: str | bool) -> bool:
        if isinstance(value, bool):
            return (name in self) is value
        if name == "class":
            return value in self.classes
        return (self.role if name == "role" else self[name]) == value

    def _sent(self) -> list[str]:
        if self.tag == "select" and "name" in self:
            options = self.all("option")
            chosen = [option for option in options if "selected" in option] or options[:1]
            return [option["value"] or "" for option in chosen]
        if self.tag != "input" or "name" not in self:
            return []
        if self["type"] in ("checkbox", "radio"):
            return [self.attributes.get("value", "on")] if "checked" in self else []
        return [self.attributes.get("value", "")]


class Page(Element):
    """A whole page, or the part that htmx requested. `html` is its source."""

    def __init__(self, source: str | bytes | Response) -> None:
        super().__init__("")
        content = source if isinstance(source, (str, bytes)) else source.content
        self.html = content if isinstance(content, str) else content.decode()
        _Reader(self).feed(self.html)

    @property
    def figure(self) -> dict[str, Any]:
        """The data of the large chart on the page."""
        script = self.one("script", class_="figure")
        data: dict[str, Any] = json.loads(
            "".join(child for child in script.children if isinstance(child, str))
        )
        return data

    def submitted(self, form_id: str) -> dict[str, list[str]]:
        """What a browser submits for a form without script: also fields elsewhere that name it."""
        inside = set(self.one("form", id=form_id).elements)
        found: dict[str, list[str]] = {}
        for item in self.elements:
            if item["form"] == form_id or (item in inside and "form" not in item):
                for value in item._sent():
                    found.setdefault(item.attributes["name"], []).append(value)
        return found

    @property
    def rows(self) -> list[str]:
        """The ids of the events in the table, newest first, without an open row, whose link closes it."""
        return [event for _, event in self.positions]

    @property
    def positions(self) -> list[tuple[int, str]]:
        """(epoch ms, id) of the events in the table."""
        rows = (
            row
            for body in self.all("tbody", id="found")
            for row in body.all("tr")
            if "detail" not in row.classes
        )
        opens = (row.all("a")[0]["href"] or "" for row in rows)
        return [position(href) for href in opens if "event" in parameters(href)]

    @property
    def notices(self) -> set[str]:
        """The codes of the page's notices."""
        return set(self.values("data-notice"))


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = [page]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parent = self._open[-1]
        element = Element(tag, {name: value or "" for name, value in attrs}, [], parent)
        parent.children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        tags = [element.tag for element in self._open]
        if tag in tags:
            del self._open[len(tags) - 1 - tags[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def query_pairs(href: str) -> list[tuple[str, str]]:
    """The parameters of an address, in order."""
    pairs = parse_qs(urlsplit(href).query, keep_blank_values=True)
    return [(name, value) for name, values in pairs.items() for value in values]


def parameters(href: str) -> dict[str, list[str]]:
    """The parameters of an address by name."""
    return parse_qs(urlsplit(href).query, keep_blank_values=True)


def position(href: str) -> tuple[int, str]:
    """The event that an address opens: (epoch ms, id)."""
    [opened] = parameters(href)["event"]
    moment, _, event_id = opened.partition(",")
    return int(moment), event_id
