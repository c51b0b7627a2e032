"""Any desired state, written as YAML and read again, is the same; any text is read or refused."""

from __future__ import annotations

import dataclasses

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from accel.config import configuration
from accel.errors import InvalidError
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode, State
from accel.model.desired import Desired
from accel.model.guard import Guard, GuardLevel, GuardMode, Rate, SourceRate
from accel.model.hints import Affinity, Hints, Learn, QuicId, Shard, ShardKey
from accel.model.quic import ServerId
from accel.model.service import Protocol, Service
from tests.accel.config.test_schema import SCHEMA, as_json

_names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True)
_addresses = st.one_of(
    st.integers(0x0A000001, 0x0AFFFFFF).map(lambda n: parse_address(_dotted(n), "")),
    st.integers(1, 2**64).map(lambda n: parse_address(f"2001:db8::{n % 65536:x}", "")),
)


def _dotted(n: int) -> str:
    return ".".join(str(n >> shift & 255) for shift in (24, 16, 8, 0))


_rates = st.builds(
    SourceRate,
    level=st.sampled_from(GuardLevel),
    source=st.builds(Rate, per_second=st.integers(0, 1_000_000), burst=st.integers(0, 60)),
    prefix=st.builds(Rate, per_second=st.integers(0, 1_000_000)),
)
_guards = st.builds(
    Guard,
    mode=st.sampled_from(GuardMode),
    on_rate=st.just(0) | st.integers(1000, 10**9),
    off_rate=st.integers(0, 999),
    hold=st.integers(1, 86400),
    prefixes=st.sampled_from(GuardLevel),
    unknown=st.sampled_from((GuardLevel.OFF, GuardLevel.MONITOR, GuardLevel.ATTACK)),
    udp_rate=_rates,
    syn_rate=_rates,
)


_hints = st.builds(
    Hints,
    affinity=st.sampled_from((Affinity.CLIENT, Affinity.PREFIX)),
    learn=st.sampled_from(Learn),
    shard=st.builds(Shard, key=st.sampled_from(ShardKey), size=st.integers(1, 255)),
    warm=st.booleans(),
    key4=st.integers(8, 32),
    key6=st.integers(16, 128),
    lifetime=st.integers(1, 500),
    longest=st.integers(500, 86400),
    holdout=st.floats(0, 100),
    bound=st.just(0.0) | st.floats(1.01, 1000),
    floor=st.integers(1, 1_000_000),
    sample=st.floats(0, 100),
)
_FORMS = tuple(QuicId(rotation=r, server_id_length=2 + r, nonce_length=4) for r in range(7))


@st.composite
def _desired(draw: st.DrawFn) -> Desired:
    services, backends = {}, {}
    for i, name in enumerate(draw(st.lists(_names, unique=True, max_size=4))):
        protocol = draw(st.sampled_from(Protocol))
        quic = _FORMS[: draw(st.integers(0, 7))] if protocol is Protocol.UDP else ()
        services[name] = Service(
            name=name,
            address=draw(_addresses),
            port=i,
            protocol=protocol,
            hints=dataclasses.replace(draw(_hints), quic=quic),
            ring_size=draw(st.sampled_from([251, 65537])),
            guard=draw(_guards),
        )
        for j, below in enumerate(draw(st.lists(_names, unique=True, max_size=4))):
            backends[(name, below)] = Backend(
                service=name,
                name=below,
                address=draw(_addresses),
                weight=draw(st.integers(1, 65535)),
                mode=draw(st.sampled_from(Mode)),
                gue_port=draw(st.integers(1, 65535)),
                state=draw(st.sampled_from(State)),
                server_ids=tuple(
                    ServerId(
                        rotation=form.rotation,
                        id=bytes([j]) + draw(st.binary(min_size=n - 1, max_size=n - 1)),
                    )
                    for form in quic
                    for n in (form.server_id_length,)
                ),
            )
    return Desired(services=services, backends=backends)


@given(_desired())
def test_written_and_read_back_is_the_same(desired: Desired) -> None:
    text = configuration.dumps(desired)
    assert configuration.loads(text).desired == desired
    jsonschema.validate(as_json(text), SCHEMA)


@given(st.text(alphabet="abs: []{}-&*!|>'\"\n#,?%", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        configuration.loads(text)
    except InvalidError as error:
        assert error.field  # noqa: PT017 - both outcomes are right
