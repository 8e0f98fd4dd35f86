"""The version comes from git's tags, and every text that names one agrees with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import releasing
from numbering import coming, dated
from support.pages import ROOT

BUILT = """
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
print(ProjectMetadata(".", PluginManager()).version)
"""
# What git asks of a commit, on a machine where nobody has told it.
WHO = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def built(folder: Path) -> str:
    """Return the version that a package built in `folder` would bear."""
    done = subprocess.run(
        [sys.executable, "-c", BUILT], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout of as little as a version is made of, without git."""
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    """Run git in `folder`."""
    subprocess.run(["git", *words], cwd=folder, env=os.environ | WHO, check=True, capture_output=True)


def committed(folder: Path) -> None:
    """Make `folder` a repository with one commit."""
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "x")


def test_without_git_a_tree_is_on_its_way_to_the_coming_release(tree: Path) -> None:
    """An archive of the tree can be built."""
    assert built(tree) == f"{coming()}.dev0"


def test_without_a_tag_commits_are_counted_towards_the_coming_release(tree: Path) -> None:
    """And the commit is named."""
    committed(tree)
    assert re.fullmatch(re.escape(coming()) + r"\.dev1\+g[0-9a-f]+", built(tree))


def test_at_a_tag_the_version_is_the_tag(tree: Path) -> None:
    """A commit later it leads to the next one."""
    committed(tree)
    git(tree, "tag", "v7.1.0")
    assert built(tree) == "7.1.0"
    git(tree, "commit", "--allow-empty", "--message", "y")
    assert re.fullmatch(r"7\.1\.1\.dev1\+g[0-9a-f]+", built(tree))


def test_a_release_needs_its_section_in_the_changelog() -> None:
    """One with a date; a version between releases needs none."""
    releasing.check_number("0.0.1.dev3+gabc")
    assert "0.0.1" not in dated()
    with pytest.raises(SystemExit, match=r"no section \[0\.0\.1\]"):
        releasing.check_number("0.0.1")


def test_a_release_needs_the_images_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the deployment would start another one."""
    monkeypatch.setattr(releasing, "dated", lambda: {"99.0.0", coming()})
    with pytest.raises(SystemExit, match="examples/deploy names"):
        releasing.check_number("99.0.0")
    releasing.check_number(coming())
