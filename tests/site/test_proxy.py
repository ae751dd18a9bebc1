"""`proxy` of site.yaml: what cannot work is said with its line, and what is inside is known."""

from __future__ import annotations

import pytest

from b2ct.core.errors import InvalidFileError
from b2ct.site import advice, outside, summary
from b2ct.site.load import load_text
from tests.kickstart import sites

PROXY = "proxy: {url: 'http://proxy.example.org:3128'"
PASSWORD = "secrets: {proxy_password: {file: a}}\n"
NODE = (
    "networks: {s: {cidr: 192.0.2.0/24}}\n"
    "nodes: [{name: one, role: control, interfaces: [{network: s, address: 192.0.2.10}]}]\n"
)


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("proxy: http://proxy.example.org:3128\n", "1:8: proxy", "put its keys"),
        ("proxy: {}\n", "1", "url"),
        ("proxy:\n  url: https://proxy.example.org:3128\n", "2:8: proxy.url", "http://HOST:PORT"),
        ("proxy:\n  url: http://proxy.example.org\n", "2:8: proxy.url", "http://HOST:PORT"),
        ("proxy:\n  url: http://me:pw@proxy.example.org:1\n", "2:8", "http://HOST:PORT"),
        (f"{PROXY}, exceptions: [10.0.0.0/33]}}\n", "1:", "a domain such as example.org"),
        (f"{PROXY}, exceptions: ['a,b']}}\n", "1:", "a domain such as example.org"),
        (f"{PROXY}, exceptions: ['*']}}\n", "1:", "a domain such as example.org"),
        (f"{PROXY}, user: 'a:b'}}\n{PASSWORD}", "1:", "a user name without blanks"),
        (f"{PROXY}, user: 'a b'}}\n{PASSWORD}", "1:", "a user name without blanks"),
        (f"{PROXY}, user: me}}\n", "1:", "expected `secrets.proxy_password`"),
        (f"{PROXY}}}\n{PASSWORD}", "2:", "is nobody's"),
        (f"{PASSWORD}", "1:", "is nobody's"),
        (f"{PROXY}, user: me}}\nsecrets: {{proxy_password: generate}}\n", "2:", "is not known to"),
        (f"{PROXY}, user: me}}\nsecrets: {{proxy_password: hunter2}}\n", "2:", "never the secret"),
        (f"{PROXY}, user: me}}\n{PASSWORD}release: {{version: el6}}\n", "1:", "before anybody"),
        (NODE + "proxy:\n  url: http://192.0.2.10:3128\n", "4:8: proxy.url", "squid for CVMFS"),
        (NODE + "proxy:\n  url: http://one:3128\n", "4:8: proxy.url", "squid for CVMFS"),
        (
            f"{PROXY}}}\nrelease:\n  repositories: {{epel: 'http://10.0.0.5/epel/'}}\n",
            "3:", "both inside, or both outside",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said(text: str, where: str, expected: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    (line,) = caught.value.lines()
    assert line.startswith(f"site.yaml:{where}")
    assert expected in line
    assert "hunter2" not in line
    assert ":pw@" not in line


@pytest.mark.parametrize(
    "text",
    [
        f"{PROXY}}}\n",
        f"{PROXY}, user: me, exceptions: ['*.kek.jp', .desy.de, 131.169.0.0/16, 1.2.3.4]}}\n"
        f"{PASSWORD}",
        # From a DVD only the first boot uses the proxy, when somebody can be asked.
        f"{PROXY}, user: me}}\n{PASSWORD}"
        "release: {version: el6}\ninstaller: {source: medium}\n",
        f"{PROXY}}}\nrelease: {{mirror: 'http://10.0.0.5/BaseOS/x86_64/os/', "
        "repositories: {epel: 'https://example.org/epel/'}}\n",
        NODE + "squid: {external: ['http://192.0.2.10:3128']}\n"
        "proxy: {url: 'http://192.0.2.10:3128'}\n",
    ],
)
def test_what_works(text: str) -> None:
    assert load_text(text).proxy is not None


def test_inside_is_what_the_site_says() -> None:
    site = sites.full(
        proxy={
            "url": "http://proxy.example.org:3128",
            "exceptions": ["*.kek.jp", "131.169.0.0/16", "1.2.3.4"],
        },
        squid={"backup": ["http://squid.cnaf.infn.it:3128"]},
    )
    found = outside.of(site, "el9")
    assert found is not None
    for url in (
        "http://one/", "http://mirror.b2ct.example.org/", "http://10.1.2.3/", "http://kek.jp/",
        "http://www.kek.jp/", "http://131.169.9.9/", "http://1.2.3.4/", "file:///srv",
        "http://squid.cnaf.infn.it:3128/", "http://127.0.0.1:2633/RPC2",
    ):  # fmt: skip
        assert not found.takes(url), url
    for url in ("https://repo.almalinux.org/", "http://example.org/", "http://1.2.3.5/"):
        assert found.takes(url), url
    assert {"localhost", "127.0.0.1", "b2ct.example.org", "10.0.0.0/24"} <= set(
        found.no_proxy.split(",")
    )
    # One by one, for a curl that reads no networks; those of the larger one would be too many.
    assert {"10.0.0.10", "10.0.0.254"} <= set(found.addresses)
    assert "10.1.2.3" not in found.addresses
    assert len(",".join(found.addresses)) < 64 * 1024
    assert outside.of(sites.full(), "el9") is None


def test_the_summary_tells_it_and_that_its_password_is_asked() -> None:
    text = NODE + f"{PROXY}, user: me, exceptions: [kek.jp]}}\n"
    told = summary.lines(summary.of(load_text(text + PASSWORD)))
    assert "proxy       http://proxy.example.org:3128 as me, not for kek.jp" in told
    assert "  - the password of me at the proxy" in told
    carried = "secrets: {proxy_password: {file: a, on_medium: true}}\n"
    assert "  - the password of me at the proxy" not in summary.lines(
        summary.of(load_text(text + carried))
    )


def test_a_password_file_that_is_missing_is_warned_of(tmp_path: object) -> None:
    site = load_text(f"{PROXY}, user: me}}\n{PASSWORD}")
    assert any("secrets.proxy_password" in line for line in advice.every(site, tmp_path))  # type: ignore[arg-type]
