"""apply, diff and export of a configuration file."""

from __future__ import annotations

import json
from pathlib import Path

from accel.config import configuration
from tests.support.cli.commands import FILE, Accel


def test_apply_and_diff(accel: Accel, file: str) -> None:
    before = accel("diff", "-f", file, code=10)
    assert "+ backend api/b  10.0.0.12  gue  weight 200  up" in before.out.splitlines()
    assert before.err == "5 to create\n"
    dry = accel("apply", "-f", file, "--dry-run")
    assert (dry.out, dry.err) == (before.out, before.err)
    made = accel("apply", "-f", file, "-o", "json").value
    assert isinstance(made, dict)
    assert made["revision"] == 2
    assert [change["kind"] for change in made["changes"]] == ["created"] * 5
    same = accel("diff", "-f", file)
    assert (same.out, same.err) == ("", "no difference\n")


def test_apply_prunes_only_if_asked(applied: Accel, file: str) -> None:
    Path(file).write_text(FILE.split("  - name: dns")[0].replace("weight: 200", "weight: 50"))
    assert applied("apply", "-f", file).out == "~ backend api/b  weight 200 -> 50\n"
    pruned = applied("apply", "-f", file, "--prune")
    assert pruned.out == "- service dns  [2001:db8::53]:*/udp\n"
    assert pruned.err == "1 deleted\n"


def test_apply_at_another_revision_is_refused(applied: Accel, file: str) -> None:
    Path(file).write_text("services: []")
    refused = applied("apply", "-f", file, "--prune", "--expected-revision", "1", code=5)
    assert "at revision 2, not 1" in refused.err
    assert "\nhint: somebody else changed it" in refused.err
    assert applied("service", "list", "-o", "name").out == "api\ndns\n"


def test_what_only_the_daemon_can_refuse_names_the_line(applied: Accel, file: str) -> None:
    Path(file).write_text("services:\n- name: web\n  address: 203.0.113.10\n  port: 443\n")
    refused = applied("apply", "-f", file, code=2)
    assert refused.err.startswith("accel: services[0].address: 'api' has this address")
    assert f"({file} line 3)" in refused.err


def test_a_full_map_is_refused_with_the_way_out(accel: Accel, tmp_path: Path) -> None:
    many = [{"name": f"b{i}", "address": "10.0.0.1"} for i in range(64)]
    service = {"name": "api", "address": "192.0.2.1", "port": 80, "backends": many}
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"services": [service]}))
    refused = accel("apply", "-f", str(path), code=6)
    assert "64 backends are more than the limit of 63" in refused.err
    assert "hint: raise it with --max-backends of acceld" in refused.err
    assert accel("service", "list", "-o", "name").out == ""


def test_export_is_what_was_applied(applied: Accel, file: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(applied("export").out)
    assert applied("diff", "-f", str(copy), "--prune").out == ""
    again, first = configuration.load(str(copy)).desired, configuration.load(file).desired
    assert (again.services, again.backends) == (first.services, first.backends)
