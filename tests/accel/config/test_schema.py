"""The JSON schema of the configuration: it says what the parser does."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from typing import Any

import jsonschema
import pytest
import yaml

from accel.config import configuration
from accel.errors import InvalidError
from accel.model.backend import Mode, State
from accel.model.guard import UNGUARDED, GuardLevel, GuardMode, Policy
from accel.model.hints import UNHINTED, Affinity, Learn, QuicId, Shard, ShardKey
from accel.model.plain_values import word
from accel.model.service import Protocol
from tests.accel.config.test_config import GOOD
from tests.support.tree import DOCS


def as_json(text: str) -> Any:
    """As editors see it, which know keys that are texts alone."""
    return json.loads(json.dumps(yaml.safe_load(text)))


SCHEMA = json.loads(configuration.SCHEMA.read_text())


def test_schema_has_the_keys_of_the_parser() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    defined = SCHEMA["$defs"]
    assert tuple(SCHEMA["properties"]) == configuration.FILE_KEYS
    assert tuple(defined["service"]["properties"]) == configuration.SERVICE_KEYS
    assert tuple(defined["backend"]["properties"]) == configuration.BACKEND_KEYS
    for name, default in (
        ("guard", UNGUARDED),
        ("source_rate", UNGUARDED.udp_rate),
        ("rate", UNGUARDED.udp_rate.source),
        ("hints", UNHINTED),
    ):
        properties = defined[name]["properties"]
        assert list(properties) == [field.name for field in dataclasses.fields(default)]
        for key, schema in properties.items():
            if "default" in schema:
                value = getattr(default, key)
                assert schema["default"] == (word(value) if isinstance(value, Enum) else value)
    assert defined["guard_level"]["enum"] == [word(level) for level in GuardLevel]
    assert defined["guard"]["properties"]["mode"]["enum"] == [word(mode) for mode in GuardMode]
    assert defined["guard"]["properties"]["policy"]["enum"] == [word(policy) for policy in Policy]
    hints = defined["hints"]["properties"]
    assert hints["affinity"]["enum"] == [word(affinity) for affinity in Affinity]
    assert hints["learn"]["enum"] == [word(learn) for learn in Learn]
    shard = hints["shard"]["properties"]
    assert list(shard) == [field.name for field in dataclasses.fields(Shard)]
    assert shard["key"]["enum"] == [word(key) for key in ShardKey]
    form = defined["quic_id"]
    assert list(form["properties"]) == [field.name for field in dataclasses.fields(QuicId)]
    assert form["required"] == list(form["properties"])
    assert defined["mode"]["enum"] == [mode.name.lower() for mode in Mode]
    backend = defined["backend"]["properties"]
    assert backend["state"]["enum"] == [state.name.lower() for state in State]
    service = defined["service"]["properties"]
    assert service["protocol"]["enum"] == [protocol.name.lower() for protocol in Protocol]


def test_schema_and_parser_agree_on_defaults_and_what_is_required() -> None:
    minimal = {
        "services": [
            {
                "name": "api",
                "address": "192.0.2.1",
                "port": 80,
                "backends": [{"name": "a", "address": "10.0.0.1"}],
            }
        ]
    }
    jsonschema.validate(minimal, SCHEMA)
    desired = configuration.loads(json.dumps(minimal)).desired
    for kind, made in (
        ("service", desired.services["api"]),
        ("backend", desired.backends[("api", "a")]),
    ):
        for key, schema in SCHEMA["$defs"][kind]["properties"].items():
            if "default" in schema and (kind, key) != ("service", "mode"):
                value = getattr(made, key)
                assert schema["default"] == getattr(value, "name", str(value)).lower() or (
                    schema["default"] == value
                )
    for kind in ("service", "backend"):
        for key in SCHEMA["$defs"][kind]["required"]:
            less = json.loads(json.dumps(minimal))
            holder = less["services"][0]
            del (holder if kind == "service" else holder["backends"][0])[key]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(less, SCHEMA)
            with pytest.raises(InvalidError, match=f"{key}: is missing"):
                configuration.loads(json.dumps(less))


@pytest.mark.parametrize(
    "change",
    [
        ("port", 65536),
        ("port", -1),
        ("port", "80"),
        ("ring_size", 250),
        ("ring_size", 131072),
        ("protocol", "sctp"),
        ("mode", "nat"),
        ("name", "API"),
        ("name", ""),
        ("address", "host.example"),
        ("backends", None),
        ("unknown", 1),
    ],
)
def test_schema_and_parser_refuse_alike(change: tuple[str, object]) -> None:
    file = as_json(GOOD)
    jsonschema.validate(file, SCHEMA)
    file["services"][0][change[0]] = change[1]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(file, SCHEMA)
    with pytest.raises(InvalidError):
        configuration.loads(json.dumps(file))


def test_the_examples_of_the_documentation_are_valid() -> None:
    page = (DOCS / "configuration.md").read_text()
    examples = [part.split("```")[0] for part in page.split("```yaml\n")[1:]]
    assert examples
    for example in examples:
        jsonschema.validate(as_json(example), SCHEMA)
        configuration.loads(example)
