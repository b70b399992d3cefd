"""HTML as a tree, with the operations that finding marks needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


@dataclass(slots=True)
class Element:
    """An element: its tag, attributes and content in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: list[Element | str] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The value of an attribute."""
        return self.attributes.get(name)

    @property
    def classes(self) -> set[str]:
        """The names in the class attribute."""
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """All text inside, its spaces collapsed."""
        return " ".join("".join(self._texts()).split())

    @property
    def raw_text(self) -> str:
        """All text inside, unchanged."""
        return "".join(self._texts())

    def _texts(self) -> Iterator[str]:
        for item in self.content:
            if isinstance(item, str):
                yield item
            elif item.tag not in ("script", "style"):
                yield from item._texts()

    def all(
        self, tag: str | None = None, *, has: str | None = None, of_class: str | None = None
    ) -> Iterator[Element]:
        """The elements inside, in their order, with this tag, attribute and class."""
        for item in self.content:
            if isinstance(item, str):
                continue
            if (
                tag in (None, item.tag)
                and (has is None or has in item.attributes)
                and (of_class is None or of_class in item.classes)
            ):
                yield item
            yield from item.all(tag, has=has, of_class=of_class)

    def first(
        self, tag: str | None = None, *, has: str | None = None, of_class: str | None = None
    ) -> Element | None:
        """The first of `all`, or None."""
        return next(self.all(tag, has=has, of_class=of_class), None)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].content.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        names = [element.tag for element in self.open]
        if tag in names[1:]:
            del self.open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def parsed(text: str) -> Element:
    """The document of a page, or of a part of one."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    return builder.open[0]
