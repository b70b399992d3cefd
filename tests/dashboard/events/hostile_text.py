"""Five hundred texts that would be markup, script or another query if a page did not escape them."""

from __future__ import annotations

BASES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" onfocus="alert(1)" autofocus="',
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "</td></tr></table><h1>x</h1>",
    "</script><b>",
    "</title><b>",
    "</style><b>",
    "</textarea><b>",
    "</template><b>",
    "<!--",
    "-->",
    "<![CDATA[x]]>",
    "{{ 7 * 7 }}",
    "{% include 'x' %}",
    "${7*7}",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0>",
    "<a href=//evil.example>x</a>",
    "<iframe srcdoc=x>",
    "<form action=//evil.example>",
    "hx-get=//evil.example",
    '" hx-on:click="alert(1)',
    '" hx-swap-oob="true',
    "&lt;b&gt;",
    "&#60;b&#62;",
    "&",
    "<",
    "`",
    "=1+1",
    "a&event=1,x",
    "a?b=c#d",
    "../../etc",
    "%3Cb%3E",
    "\\u003cb\\u003e",
    "x' -- ",
    "\u202egnp.exe",
    "\u2028line",
)
WRAPS = (
    "{}",
    "{} ",
    "a {}",
    "{}:x",
    "a.{}",
    "{}{}{}",
    "\t{}",
    "{}\r\n{}",
    "\u200b{}",
    "\u00e9{}",
    "{}\U0001f600",
    "[{}]",
)
MARKUP = frozenset("<>&\"'`=/\\{}%$#?;()*,+!|[]")


def payloads() -> list[str]:
    """All of them; their first characters differ."""
    texts = [wrap.replace("{}", base) for base in BASES for wrap in WRAPS]
    return [f"p{number}{text}" for number, text in enumerate(texts)]


def twin(text: str) -> str:
    """A text of the same length with the same dots, colons, spaces and invisible characters, but no HTML
    syntax.
    """
    return "".join("q" if character in MARKUP else character for character in text)
