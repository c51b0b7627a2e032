"""The image: when it is made again, and that making it changes nothing but its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel.errors import HostError
from vagrant.vm.host.cache import cache
from vagrant.vm.parts import image


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was made, by stand-ins that take no time."""
    done: list[str] = []

    def pack(root: Path, path: Path) -> None:
        done.append("made")
        path.touch()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache().mkdir()
    monkeypatch.setattr(image, "_root", lambda root: root.mkdir())
    monkeypatch.setattr(image, "_libraries", lambda root, requirements: None)
    monkeypatch.setattr(image, "_account", lambda root: None)
    monkeypatch.setattr(image, "_pack", pack)
    return done


def test_it_is_made_once_and_again_when_its_recipe_changes(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.image()
    assert image.image() == first
    assert steps == ["made"]
    monkeypatch.setattr(image, "_requirements", lambda: ["another"])
    second = image.image()
    assert steps == ["made"] * 2
    assert [path.name for path in cache().iterdir()] == [second.name] != [first.name]


def test_of_what_is_beside_it_only_former_images_are_removed(steps: list[str]) -> None:
    kept = ["root-mine.ext4", "root-0123456789ab.ext4.old", "other"]
    for name in [*kept, "root-0123456789ab.ext4"]:
        (cache() / name).touch()
    made = image.image()
    assert sorted(path.name for path in cache().iterdir()) == sorted([*kept, made.name])


def test_a_link_of_the_image_that_leads_to_the_host_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(HostError, match="leads to"):
        image._account(root)
    assert list(outside.iterdir()) == []
    assert image._within(root, "home/vagrant") == root / "home/vagrant"
