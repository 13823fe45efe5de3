"""What may be asked for, and what never is. Every way that is known to fool such guards stands here."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetings.outgoing.destinations import (
    NEVER,
    Allowances,
    WrongDestination,
    plain,
    read_allowance,
    read_allowances,
    read_destination,
)

PUBLIC = "198.41.0.4"
NOTHING_ALLOWED = Allowances()


def judged(url: str, *addresses: str, allow: tuple[str, ...] = ()) -> str:
    """Why this URL can't be asked when its name leads to `addresses`; "" if it can."""
    allowances, destination = read_allowances(allow), read_destination(url)
    found = [allowances.why_not(destination)]
    found += [allowances.why_not_address(destination, ipaddress.ip_address(one)) for one in addresses]
    return next(filter(None, found), "")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://auth.example.org", "https://auth.example.org/"),
        ("HTTPS://Auth.Example.org:443/a/b", "https://auth.example.org/a/b"),
        ("https://auth.example.org:8443/a?b=c", "https://auth.example.org:8443/a?b=c"),
        (f"https://{PUBLIC}/", f"https://{PUBLIC}/"),
        ("https://[2606:4700::1111]:8443/x", "https://[2606:4700::1111]:8443/x"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_an_address_is_read_and_written_in_one_way(text: str, written: str) -> None:
    assert str(read_destination(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auth.example.org",
        "//auth.example.org/",
        "https:/auth.example.org",
        "https:auth.example.org",
        "https://",
        "https:///path",
        "https://auth.example.org:0/",
        "https://auth.example.org:65536/",
        "https://auth.example.org:80a/",
        "https://auth.example.org:/",
        "https://auth.example.org./",
        "https://.example.org/",
        "https://a..b/",
        "https://-a.example/",
        "https://" + "a" * 64 + ".example/",
        "https://auth.example.org\\@inside/",
        "https://auth.example.org\\inside/",
        "https://auth.example.org /",
        "https://auth.example.org/ ",
        " https://auth.example.org/",
        "https://auth.example.org/\r\nX-Other: 1",
        "https://auth.example.org/\n",
        "https://auth.example.org/\t",
        "https://auth.example.org/#here",
        "https://auth.example.org/%zz",
        "https://auth.example.org/%",
        "https://auth.example.org/a/../b",
        "https://auth.example.org/a/%2e%2E/b",
        "https://auth.example.org%40inside/",
        "https://bücher.example/",
        "https://ｅxample.org/",
        "https://auth。example.org/",
        "https://⓪.example/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[1.2.3.4]/",
        "https://[auth.example.org]/",
        "https://" + "a" * 2048 + ".example/",
        "ftp://auth.example.org/",
        "file:///etc/passwd",
        "gopher://auth.example.org/",
        "javascript:alert(1)",
    ],
)
def test_what_two_programs_could_read_differently_is_no_address(text: str) -> None:
    with pytest.raises(WrongDestination):
        read_destination(text)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "0x7f.1",
        "127.0.0.1.",
        "1.2.3.4.5",
        "010.0.0.1",
        "256.0.0.1",
        "127.0.0.0x1",
        "0",
        "00000177.1",
        "auth.example.1",
        "a.0x",
    ],
)
def test_a_number_that_a_library_would_take_for_an_address_is_refused(host: str) -> None:
    with pytest.raises(WrongDestination):
        read_destination(f"https://{host}/")


@pytest.mark.parametrize(
    "text",
    [
        "https://auth.example.org@169.254.169.254/",
        "https://user:password@auth.example.org/",
        "https://@auth.example.org/",
        "https://auth.example.org:443@inside/",
        "https://auth.example.org@127.0.0.1:80@auth.example.org/",
    ],
)
def test_a_name_before_the_at_sign_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(WrongDestination) as caught:
        read_destination(text)
    assert caught.value.code == "userinfo"


def test_a_base_address_takes_an_endpoint_behind_its_path() -> None:
    base = read_destination("https://auth.example.org/rta/", base=True)
    assert str(base.below("/validateCredentials")) == "https://auth.example.org/rta/validateCredentials"
    with pytest.raises(WrongDestination):
        read_destination("https://auth.example.org/?next=", base=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:c000:204::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:7f00:1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "100::1",
        "5f00::1",
        "4000::1",
    ],
)
def test_no_name_leads_inside(address: str) -> None:
    assert judged("https://auth.example.org/", address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", f"::ffff:{PUBLIC}", "64:ff9b::c629:4"])
def test_public_addresses_may_be_asked(address: str) -> None:
    assert judged("https://auth.example.org/", address) == ""


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/"]
)
def test_an_address_that_was_typed_is_judged_like_one_that_was_found(url: str) -> None:
    assert judged(url)


def test_only_tls_is_spoken_unless_an_administrator_allows_this_very_place() -> None:
    assert judged("http://auth.example.org/", PUBLIC)
    assert judged("http://127.0.0.1:9000/rta", "127.0.0.1", allow=("http://127.0.0.1:9000",)) == ""
    assert judged("http://127.0.0.1:9001/rta", "127.0.0.1", allow=("http://127.0.0.1:9000",))
    assert judged("http://127.0.0.1:9000/rta", allow=("127.0.0.0/8",))
    assert judged("http://[::ffff:127.0.0.1]:9000/", "127.0.0.1", allow=("http://127.0.0.1:9000",))


def test_an_allowed_network_opens_its_own_addresses_and_no_others() -> None:
    allow = ("10.20.0.0/16", "fd12:3456::/32")
    assert judged("https://auth.example.org/", "10.20.3.4", allow=allow) == ""
    assert judged("https://auth.example.org/", "::ffff:10.20.3.4", allow=allow) == ""
    assert judged("https://auth.example.org/", "fd12:3456::1", allow=allow) == ""
    assert judged("https://auth.example.org/", "10.21.0.1", allow=allow)
    assert judged("https://auth.example.org/", "fd12:3457::1", allow=allow)


def test_an_allowed_name_may_lead_inside_and_no_other_name_may() -> None:
    allow = ("auth.example.org",)
    assert judged("https://auth.example.org/", "10.0.0.7", allow=allow) == ""
    assert judged("https://auth.example.org.evil.example/", "10.0.0.7", allow=allow)
    assert judged("https://x.auth.example.org/", "10.0.0.7", allow=allow)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "fd00:ec2::254", "168.63.129.16"])
def test_what_is_never_asked_is_not_opened_by_any_allowance(address: str) -> None:
    assert judged("https://auth.example.org/", address, allow=("auth.example.org", "fc00::/7", "168.0.0.0/8"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/7",
        "10.0.0.1/8",
        "169.254.0.0/16",
        "169.254.169.254",
        "http://169.254.169.254",
        "https://auth.example.org",
        "http://auth.example.org/path",
        "ftp://auth.example.org",
        "auth",
        "*.example.org",
        "auth.example.org/x",
        "127.1",
    ],
)
def test_an_allowance_that_opens_too_much_or_nothing_is_refused(text: str) -> None:
    with pytest.raises(WrongDestination):
        read_allowance(text)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}(:\d{1,6})?(/.{0,20})?", fullmatch=True))
def test_whatever_is_typed_is_a_destination_or_a_sentence(text: str) -> None:
    try:
        destination = read_destination(text)
    except WrongDestination as wrong:
        assert wrong.message
    else:
        # What was read is written so that it is read as the same again, and holds nothing that ends a line.
        assert read_destination(str(destination)) == destination
        assert not set(str(destination)) & set("\r\n \t\\@#") - ({"@"} if "@" in destination.path else set())


@given(st.ip_addresses())
def test_whatever_is_not_public_is_refused_in_every_spelling(address: ipaddress.IPv4Address) -> None:
    destination = read_destination("https://auth.example.org/")
    refused = bool(NOTHING_ALLOWED.why_not_address(destination, address))
    if not plain(address).is_global or any(plain(address) in net for net in NEVER if net.version == address.version):
        nat64 = address in ipaddress.ip_network("64:ff9b::/96") if address.version == 6 else False
        assert refused or nat64
    if address.version == 4:
        mapped = ipaddress.IPv6Address(f"::ffff:{address}")
        assert bool(NOTHING_ALLOWED.why_not_address(destination, mapped)) == refused
