"""Webhooks reach public addresses only, whatever form a private one has."""

from ipaddress import ip_address, ip_network

import pytest

from analytics.webhooks.addresses import WrongUrl, check_url, is_allowed

REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "192.0.2.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]
ALLOWED = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not is_allowed(ip_address(text), ())


@pytest.mark.parametrize("text", ALLOWED)
def test_a_public_address_is_allowed(text: str) -> None:
    assert is_allowed(ip_address(text), ())


def test_a_setting_allows_networks_and_no_others() -> None:
    networks = (ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16"))
    assert is_allowed(ip_address("127.0.0.1"), networks)
    assert is_allowed(ip_address("::ffff:10.1.2.3"), networks)
    assert not is_allowed(ip_address("10.2.0.1"), networks)
    assert not is_allowed(ip_address("::1"), networks)


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://[::ffff:7f00:1]/",
        "https://a\\@127.0.0.1/",
        "https://host name/",
        "https://höst/",
        "https://hooks.example.com:99999/",
        "http://sub.localhost/",
    ],
)
def test_other_forms_of_private_addresses_are_refused(url: str) -> None:
    with pytest.raises(WrongUrl):
        check_url(url, ())


def test_http_is_for_loopback_addresses_that_the_setting_allows() -> None:
    networks = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"))
    check_url("http://127.0.0.1:9000/in?x=1", networks)
    check_url("http://localhost:9000/", networks)
    check_url("https://10.0.0.7/", networks)
    with pytest.raises(WrongUrl, match="https"):
        check_url("http://10.0.0.7/", networks)
