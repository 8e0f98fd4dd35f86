"""What changed for whoever asks from one finished run to another: attributes that came, went, got better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feddmf.errors import InputError
from feddmf.quality import Interval
from feddmf_party.answering import Backing
from feddmf_party.audience_figures import interval_as_dict
from feddmf_party.offered import Attribute
from feddmf_party.questions import Questions
from feddmf_party.run_folder import RunFolder, latest_run

__all__ = ["Change", "Changes", "Gone", "Standing", "changes_between", "run_before"]


@dataclass(frozen=True)
class Standing:
    """How far an attribute could be trusted in one run; roc_auc: None where nothing was measured."""

    verdict: str
    roc_auc: Interval | None

    @classmethod
    def of(cls, backing: Backing) -> Standing:
        """Return that of the owner who is trusted most."""
        return cls(backing.best.verdict, backing.best.roc_auc)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        roc_auc = None if self.roc_auc is None else interval_as_dict(self.roc_auc)
        return {"verdict": self.verdict, "roc_auc": roc_auc}


@dataclass(frozen=True)
class Change:
    """One attribute that is in the later run, and in the earlier one unless it came."""

    key: str
    label: str
    owner: str
    kind: str
    before: Standing | None
    after: Standing

    @property
    def roc_auc(self) -> str:
        """`higher` or `lower` where the intervals do not meet; empty where chance may explain it."""
        before = None if self.before is None else self.before.roc_auc
        after = self.after.roc_auc
        if before is None or after is None:
            return ""
        if after.lower > before.upper:
            return "higher"
        return "lower" if after.upper < before.lower else ""

    @property
    def matters(self) -> bool:
        """Whether anybody has to know: another verdict, or a ROC-AUC that is not the same by chance."""
        return self.before is None or self.before.verdict != self.after.verdict or self.roc_auc != ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "key": self.key,
            "label": self.label,
            "owner": self.owner,
            "kind": self.kind,
            "before": None if self.before is None else self.before.as_dict(),
            "after": self.after.as_dict(),
            "roc_auc": self.roc_auc,
        }


@dataclass(frozen=True)
class Gone:
    """An attribute of the earlier run that cannot be asked for in the later one, and why."""

    key: str
    label: str
    owner: str
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"key": self.key, "label": self.label, "owner": self.owner, "why": self.why}


@dataclass(frozen=True)
class Changes:
    """What changed from the run `before` to the run `after`; same: how many attributes are as they were."""

    before: str
    after: str
    came: tuple[Change, ...]
    went: tuple[Gone, ...]
    changed: tuple[Change, ...]
    same: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "before": self.before,
            "after": self.after,
            "came": [each.as_dict() for each in self.came],
            "went": [each.as_dict() for each in self.went],
            "changed": [each.as_dict() for each in self.changed],
            "same": self.same,
        }


def changes_between(before: Questions, after: Questions) -> Changes:
    """Return what changed from one run to another, by attribute; each list by first owner and key."""
    old = {each.key: each for each in before.predictor.attributes()}
    new = {each.key: each for each in after.predictor.attributes()}
    both = [_change(before, after, old.get(key), each) for key, each in new.items()]
    came = tuple(each for each in both if each.before is None)
    changed = tuple(each for each in both if each.before is not None and each.matters)
    return Changes(
        before=before.run,
        after=after.run,
        came=came,
        went=tuple(_gone(after, [each for key, each in old.items() if key not in new])),
        changed=changed,
        same=len(both) - len(came) - len(changed),
    )


def run_before(runs: Path, run: RunFolder) -> RunFolder:
    """Return the run that finished last before `run`; InputError where it is the first."""
    at = _finished_at(run)
    found = [folder for path in sorted(runs.glob("*")) if (folder := RunFolder(path)).finished]
    earlier = [folder for folder in found if folder.path.name != run.path.name and _finished_at(folder) < at]
    if not earlier:
        raise InputError(
            f"no run finished before {run.path.name}", hint="there is nothing to hold it against yet"
        )
    return latest_run(runs, max(earlier, key=_finished_at).path.name)


def _finished_at(run: RunFolder) -> str:
    return str(run.summary()["finished_at"])


def _change(before: Questions, after: Questions, old: Attribute | None, new: Attribute) -> Change:
    return Change(
        key=new.key,
        label=new.label,
        owner=new.owner,
        kind=new.kind,
        before=None if old is None else Standing.of(before.back(old)),
        after=Standing.of(after.back(new)),
    )


def _gone(after: Questions, attributes: list[Attribute]) -> Iterator[Gone]:
    known = {(each.key, each.owner): each.why for each in after.predictor.offered.unavailable()}
    own = frozenset(after.own_items.keys)
    for each in attributes:
        said = [known[each.key, owner] for owner in each.owners if (each.key, owner) in known]
        if each.key in own:
            said = ["this party sells it itself now"]
        why = "; ".join(said) or "nobody published it in the later run"
        yield Gone(each.key, each.label, each.owner, why)
