"""Whether a policy would let this party into any usual run, and if not, which lines are against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from feddmf.catalogue.view import CatalogueView, ViewItem
from feddmf.checkup import Checkup
from feddmf.errors import PolicyError
from feddmf.plan import PartyItems, Plan
from feddmf.runfile import RunSettings
from feddmf_party.objections import Objection, objections_to
from feddmf_party.policy import Policy

__all__ = ["check_policy"]

_PROTOCOLS = ("feddmf", "transfer", "fcf", "fedavg")
_OTHER = "peer"


def check_policy(checkup: Checkup, policy: Policy, view: CatalogueView | None) -> None:
    """Hold a policy against a usual run of each protocol, of the accepted catalogue where there is one."""
    against: dict[str, Sequence[Objection]] = {}
    for protocol in _PROTOCOLS:
        against[protocol] = tuple(_against(protocol, policy, view))
    joined = [protocol for protocol, objections in against.items() if not objections]
    if joined:
        checkup.ok("policy", f"it lets usual runs of {', '.join(joined)} in")
        return
    # What stands in the way of the protocol that needs the least is what to mend first.
    nearest = min(_PROTOCOLS, key=lambda protocol: len(against[protocol]))
    objections = against[nearest]
    lines = "; ".join(objection.line for objection in objections if objection.line)
    checkup.problem(
        "policy",
        PolicyError(
            "it declines a usual run of every protocol; one of "
            f"{nearest} because it {', '.join(objection.reason for objection in objections)}",
            hint=f"if that is not meant, write in policy.toml: {lines}",
        ),
    )


def _against(protocol: str, policy: Policy, view: CatalogueView | None) -> Iterator[Objection]:
    for key in ("purposes", "items"):
        if not getattr(policy, key):
            yield Objection(f"names no {key}", f'{key} = ["*"]')
            policy = policy.model_copy(update={key: ("*",)})
    purposes = policy.purposes
    asked = {
        "name": "check-up",
        "purpose": purposes[0].replace("*", "") or "any purpose",
        "protocol": protocol,
        "fcf": {"min_support": policy.min_support},
        "transfer": {"min_support": policy.min_support},
        "privacy": {"mode": "gram"} if policy.privacy.required and protocol in {"feddmf", "transfer"} else {},
    }
    known = view if view is not None and any(item.peers for item in view.items) else _made_up(view)
    peers = sorted({peer for item in known.items for peer in item.peers})[:1]
    if known is not view:
        # Without a real catalogue nothing can be said of single items.
        policy = policy.model_copy(update={"items": ("*",)})
    settings = RunSettings.model_validate({**asked, "parties": [known.party, *peers]})
    plan = Plan(run="check-up", catalogue="0" * 64, settings=settings)
    yield from objections_to(plan, PartyItems(plan, known), policy, offered=())


def _made_up(view: CatalogueView | None) -> CatalogueView:
    """Return a view of one item that a peer sells too."""
    party = "party" if view is None else view.party
    item = ViewItem(key="item", label="", local_id="item", peers=(_OTHER,))
    return CatalogueView(party=party, version=1, items=(item,))
