"""Credentials go to the server that they belong to, and in clear only where nobody listens."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from b2ct.core.consent import Consent, Question
from b2ct.core.errors import B2ctError
from b2ct.one import bound
from b2ct.one.endpoint import ADMIN_SECRET, OF_SITE, Endpoint, SiteAccess

MINE = "/home/me/.one/one_auth"
SITE = SiteAccess(
    "http://192.0.2.10:2633/RPC2", lambda: "pw", "192.0.2.10", (IPv4Network("192.0.2.0/24"),)
)


def to(url: str, url_from: str = OF_SITE, auth_from: str = MINE) -> Endpoint:
    return Endpoint(url, "me:hunter2", url_from=url_from, auth_from=auth_from)


def refused(endpoint: Endpoint, site: SiteAccess | None = SITE) -> B2ctError:
    with pytest.raises(B2ctError) as caught:
        bound.check(endpoint, site, Consent())
    assert "hunter2" not in "\n".join(caught.value.lines())
    return caught.value


def test_ones_own_password_does_not_go_where_only_the_site_says() -> None:
    err = refused(to(SITE.url))
    assert "http://192.0.2.10:2633" in err.message
    assert MINE in err.message
    assert "--trust-site" in err.hint
    assert "--trust-site" in refused(to("https://192.0.2.10/RPC2")).hint


@pytest.mark.parametrize("url_from", ["the option --endpoint", "ONE_XMLRPC", "~/.one/one_endpoint"])
def test_an_address_that_the_user_gave_is_the_users_word(url_from: str) -> None:
    bound.check(to(SITE.url, url_from), SITE, Consent())
    bound.check(to("https://203.0.113.9/RPC2", url_from), None, Consent())


def test_the_sites_own_secret_belongs_to_the_sites_server() -> None:
    bound.check(to(SITE.url, auth_from=ADMIN_SECRET), SITE, Consent())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_nothing_is_asked_on_this_machine(host: str) -> None:
    bound.check(to(f"http://{host}:2633/RPC2"), None, Consent())


@pytest.mark.parametrize("url", ["http://203.0.113.9:2633/RPC2", "http://no-such.invalid/RPC2"])
@pytest.mark.parametrize("url_from", ["ONE_XMLRPC", "the option --endpoint"])
def test_in_clear_beyond_the_sites_networks_needs_a_word(url: str, url_from: str) -> None:
    for site in (SITE, None):
        err = refused(to(url, url_from), site)
        assert "unencrypted" in err.message
        assert "--in-clear" in err.hint
        bound.check(to(url, url_from), site, Consent(said=frozenset({"--in-clear"})))


def test_the_two_words_do_not_stand_for_each_other() -> None:
    elsewhere = to("http://203.0.113.9:2633/RPC2")
    for word in ("--trust-site", "--in-clear"):
        with pytest.raises(B2ctError):
            bound.check(elsewhere, SITE, Consent(said=frozenset({word})))
    both = Consent(said=frozenset({"--trust-site", "--in-clear"}))
    bound.check(elsewhere, SITE, both)


def test_a_yes_is_for_one_user_one_file_and_one_server() -> None:
    asked: list[Question] = []

    def yes(question: Question) -> bool:
        asked.append(question)
        return True

    for endpoint in (
        to(SITE.url), to("http://192.0.2.11:2633/RPC2"), to("http://192.0.2.10:2634/RPC2"),
        to(SITE.url, auth_from="other"),
    ):  # fmt: skip
        bound.check(endpoint, SITE, Consent(yes))
    assert len({question.digest for question in asked}) == 4


def test_the_site_is_asked_about_what_it_sends() -> None:
    """A password from the environment, say: it may be anything that is there."""

    def no() -> None:
        raise B2ctError("not trusted")

    site = SiteAccess(SITE.url, lambda: "pw", "192.0.2.10", SITE.networks, allow=no)
    assert refused(to(SITE.url, auth_from=ADMIN_SECRET), site).message == "not trusted"
    bound.check(to("http://127.0.0.1:1/RPC2", auth_from=ADMIN_SECRET), site, Consent())


def test_what_leaves_this_machine() -> None:
    assert bound.leaves(to(SITE.url))
    assert not bound.leaves(to(SITE.url, "ONE_XMLRPC"))
    assert not bound.leaves(to("http://127.0.0.1:2633/RPC2"))
