"""The proxy by which machines of the site, and who prepares them, reach the outside."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from b2ct.core import proxy
from b2ct.document.model import Model
from b2ct.document.types import Matching, text_schema
from b2ct.site.types import cidr, host

ProxyUrl = Annotated[
    str,
    AfterValidator(proxy.checked),
    text_schema(r"^http://[A-Za-z0-9.-]+:[0-9]{1,5}/?$", "http://proxy.example.org:3128"),
]
User = Annotated[str, Matching(r"[!-9;-~]{1,128}", "a user name without blanks and ':'", ("b2ct",))]


def _exception(value: Any) -> Any:
    """A name with all below it, an address, or a network."""
    text = value.removeprefix("*").removeprefix(".") if isinstance(value, str) else ""
    try:
        return str(cidr(text)) if "/" in text else host(text)
    except ValueError:
        raise ValueError(
            "a domain such as example.org, an address, or a network such as 10.0.0.0/8"
        ) from None


Exception_ = Annotated[
    str,
    BeforeValidator(_exception),
    text_schema(r"^(\*?\.)?[A-Za-z0-9.-]+(/[0-9]{1,2})?$", "mirror.example.org", "10.0.0.0/8"),
]


class Proxy(Model):
    """The HTTP proxy by which the outside is reached; docs/proxy.md says who uses it.

    What is inside is reached without it: names without a dot, `site.domain` and all below it,
    `networks`, private addresses, nodes, squids, and what `exceptions` adds.
    """

    url: ProxyUrl = Field(description="The proxy: http://HOST:PORT.")
    exceptions: tuple[Exception_, ...] = Field(
        (),
        description="Further domains (with all below them), addresses and networks inside.",
    )
    user: User | None = Field(
        None,
        description="Who logs in at it; the password is `secrets.proxy_password`."
        " Left out: nobody has to.",
    )
