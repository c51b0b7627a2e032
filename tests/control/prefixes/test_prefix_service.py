"""Allowed and denied prefixes over gRPC: added, loaded, listed, refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_network

import grpc
import pytest

from accel.v1 import prefix_pb2 as pb
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.prefixes import ALLOW, DENY, READ, TEXT, add, listed, load, prefix, stub


def refusal(call: Callable[[], object]) -> tuple[str, str, str, str]:
    """Status, the field or name that is wrong, what is wrong, and what would be right."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    details = details_of(caught.value)
    where = ""
    if "BadRequest" in details:
        where = details["BadRequest"].field_violations[0].field
    if "ResourceInfo" in details:
        where = details["ResourceInfo"].resource_name
    hint = details["Help"].links[0].description if "Help" in details else ""
    return caught.value.code().name, where, caught.value.details(), hint


def test_what_is_added_is_listed_and_in_the_data_path(here: Here) -> None:
    given = [
        prefix("2001:db8::/32", comment="tests"),
        prefix("10.1.0.0/16", ALLOW),
        prefix("10.0.0.0/8"),
        prefix("10.1.2.3"),
    ]
    assert add(here, *given) == 4
    assert listed(here) == [
        "deny 10.0.0.0/8",
        "allow 10.1.0.0/16",
        "deny 10.1.2.3/32",
        "deny 2001:db8::/32",
    ]
    assert here.data_path.prefixes == {
        ip_network("10.0.0.0/8"): True,
        ip_network("10.1.0.0/16"): False,
        ip_network("10.1.2.3/32"): True,
        ip_network("2001:db8::/32"): True,
    }
    assert here.revision == 1


def test_again_for_another_comment(here: Here) -> None:
    add(here, prefix("10.0.0.0/8", comment="first"))
    assert add(here, prefix("10.0.0.0/8", comment="second", ttl={"seconds": 60})) == 1
    (found,) = stub(here).ListPrefixes(pb.ListPrefixesRequest()).prefixes
    assert found.comment == "second"
    assert found.HasField("expire_time")


def test_the_longest_that_has_an_address_comes_first(here: Here) -> None:
    add(here, prefix("0.0.0.0/0"), prefix("10.0.0.0/8", ALLOW), prefix("10.1.2.3"), prefix("::/0"))

    def found(address: str) -> list[str]:
        request = pb.LookUpAddressRequest(address=address)
        return [p.prefix for p in stub(here).LookUpAddress(request).prefixes]

    assert found("10.1.2.3") == ["10.1.2.3/32", "10.0.0.0/8", "0.0.0.0/0"]
    assert found("11.1.2.3") == ["0.0.0.0/0"]
    assert found("2001:db8::1") == ["::/0"]


def test_pages(here: Here) -> None:
    add(here, *(prefix(f"10.{n}.0.0/16") for n in range(5)))
    found: list[str] = []
    token, sizes = "", list[int]()
    while not sizes or token:
        page = stub(here).ListPrefixes(pb.ListPrefixesRequest(page_size=2, page_token=token))
        found += [p.prefix for p in page.prefixes]
        token = page.next_page_token
        sizes.append(len(page.prefixes))
        assert page.count == 5
    assert sizes == [2, 2, 1]
    assert found == [f"10.{n}.0.0/16" for n in range(5)]


def test_what_is_removed_is_gone(here: Here) -> None:
    add(here, prefix("10.0.0.0/8"), prefix("10.0.0.0/9", ALLOW), prefix("2001:db8::/32"))
    request = pb.RemovePrefixesRequest(prefixes=["10.0.0.0/8", "2001:db8::/32", "10.0.0.0/8"])
    request.validate_only = True
    assert stub(here).RemovePrefixes(request).count == 1
    assert len(listed(here)) == 3
    request.validate_only = False
    assert stub(here).RemovePrefixes(request).count == 1
    assert listed(here) == ["allow 10.0.0.0/9"]
    assert here.data_path.prefixes == {ip_network("10.0.0.0/9"): False}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_text_is_loaded_however_it_is_cut(here: Here, size: int) -> None:
    add(here, prefix("10.0.0.0/8"))
    pieces = [TEXT[i : i + size] for i in range(0, len(TEXT), size)]
    answer = load(here, *pieces, default_action=DENY)
    assert (answer.loaded, answer.count) == (3, 4)
    assert listed(here) == ["deny 10.0.0.0/8", *READ]
    found = stub(here).ListPrefixes(pb.ListPrefixesRequest()).prefixes
    assert [p.comment for p in found] == ["", "why not", "SBL7", ""]
    assert [p.HasField("expire_time") for p in found] == [False, True, False, False]


def test_a_text_in_the_place_of_all(here: Here) -> None:
    add(here, prefix("192.0.2.0/24", ALLOW), prefix("10.0.0.0/8"))
    answer = load(here, TEXT, default_action=DENY, replace=True, default_ttl={"seconds": 60})
    assert (answer.loaded, answer.count) == (3, 3)
    assert listed(here) == READ
    found = stub(here).ListPrefixes(pb.ListPrefixesRequest()).prefixes
    assert all(p.HasField("expire_time") for p in found)
    assert load(here, replace=True).count == 0
    assert here.data_path.prefixes == {}


@pytest.mark.parametrize(
    ("text", "line", "problem", "right"),
    [
        (b"deny 10.0.0.0/8\nfoo\n", 2, "'foo' is no prefix", "deny 192.0.2.0/24 for 2h # why"),
        (b"10.0.0.0/8", 1, "neither allow nor deny", "begin the line with one of them"),
        (b"\n\ndeny 10.0.0.1/8", 3, "has bits behind", "10.0.0.0/8 is the prefix, 10.0.0.1 the"),
        (b"deny 10.0.0.0/33", 1, "/32 at the most", "deny 192.0.2.0/24"),
        (b"deny 2001:db8::/129", 1, "/128 at the most", "deny 192.0.2.0/24"),
        (b"deny 10.0.0.256", 1, "is not an IPv4 or IPv6 address", "deny 192.0.2.0/24"),
        (b"deny 10.0.0.0/8 for 2y", 1, "'2y' is not a time", "90s, 30m, 2h, 7d"),
        (b"deny 10.0.0.0/8 for 0s", 1, "'0s' is not a time", "90s, 30m, 2h, 7d"),
        (b"deny 10.0.0.0/8\n#\nallow 10.0.0.0/8", 3, "allowed here, and not in line 1",
         "take one of them away"),
        (b"deny 9.0.0.0/8\nallow 172.16.0.0/12", 2, "172.16.0.0/12 is denied already",
         "accel prefix remove 172.16.0.0/12"),
        (b"deny " + b"1" * 2000, 1, "has over 1000 bytes", "deny 192.0.2.0/24"),
        (b"\xff\xfe", 1, "is no prefix", "deny 192.0.2.0/24"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_nothing_is_loaded(
    here: Here, text: bytes, line: int, problem: str, right: str
) -> None:
    add(here, prefix("172.16.0.0/12"))
    status, where, message, hint = refusal(lambda: load(here, text))
    assert (status, where) == ("INVALID_ARGUMENT", f"line {line}")
    assert problem in message
    assert right in hint
    assert listed(here) == ["deny 172.16.0.0/12"]
    assert list(here.data_path.prefixes) == [ip_network("172.16.0.0/12")]


@pytest.mark.parametrize(
    ("request_", "where", "right"),
    [
        ([], "prefixes", "name at least one"),
        ([prefix("10.0.0.0/8"), prefix("10.0.0.1/8")], "prefixes[1].prefix", "10.0.0.0/8"),
        ([prefix("web")], "prefixes[0].prefix", "192.0.2.0/24"),
        (
            [prefix("10.0.0.0/8", pb.PREFIX_ACTION_UNSPECIFIED)],
            "prefixes[0].action",
            "PREFIX_ACTION_ALLOW",
        ),
        ([prefix("10.0.0.0/8", comment="x" * 201)], "prefixes[0].comment", "shorten"),
        ([prefix("10.0.0.0/8", comment="a\nb")], "prefixes[0].comment", "shorten"),
        ([prefix("10.0.0.0/8", ttl={"seconds": -1})], "prefixes[0].ttl", "leave it out"),
        ([prefix("10.0.0.0/8", expire_time={"seconds": 5})], "prefixes[0].expire_time", "leave"),
        ([prefix("10.0.0.0/8"), prefix("10.0.0.0/8", ALLOW)], "prefixes[1].prefix", "take one"),
        ([prefix("172.16.0.0/12", ALLOW)], "prefixes[0].prefix", "accel prefix remove"),
    ],
)
def test_a_bad_field_is_named(
    here: Here, request_: Iterable[pb.Prefix], where: str, right: str
) -> None:
    add(here, prefix("172.16.0.0/12"))
    status, field, _, hint = refusal(lambda: add(here, *request_))
    assert (status, field) == ("INVALID_ARGUMENT", where)
    assert right in hint
    assert listed(here) == ["deny 172.16.0.0/12"]


def test_other_refusals(here: Here) -> None:
    calls = stub(here)
    assert refusal(lambda: calls.RemovePrefixes(pb.RemovePrefixesRequest(prefixes=["10.0.0.0/8"])))[
        :2
    ] == ("NOT_FOUND", "10.0.0.0/8")
    for page, where in (
        (pb.ListPrefixesRequest(page_size=10_001), "page_size"),
        (pb.ListPrefixesRequest(page_token="zz"), "page_token"),
    ):
        assert refusal(partial(calls.ListPrefixes, page))[1] == where
    network = pb.LookUpAddressRequest(address="10.0.0.0/8")
    assert refusal(lambda: calls.LookUpAddress(network))[1] == "address"
    assert refusal(lambda: calls.LoadPrefixes(iter([])))[1] == "text"


def test_no_more_than_there_is_room_for(here: Here) -> None:
    add(here, prefix("10.0.0.0/8"))
    text = b"".join(b"deny 172.16.%d.0/24\n" % n for n in range(8))
    for call in (
        lambda: load(here, text),
        lambda: load(here, text * 2, replace=True),
        lambda: add(here, *(prefix(f"1.{n}.0.0/16") for n in range(8))),
    ):
        status, _, _, hint = refusal(call)
        assert status == "RESOURCE_EXHAUSTED"
        assert "--max-prefixes" in hint
    assert listed(here) == ["deny 10.0.0.0/8"]
    assert load(here, text, replace=True).count == 8


def test_validate_only_changes_nothing(here: Here) -> None:
    assert add(here, prefix("10.0.0.0/8"), validate_only=True) == 1
    assert load(here, b"deny 10.0.0.0/8", validate_only=True, replace=True).count == 1
    assert listed(here) == []
    assert here.data_path.calls.count(("prefixes", 1)) == 0
