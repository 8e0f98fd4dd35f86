from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from feddmf.errors import FedDMFError
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.federation_pb2_grpc import FederationServicer
from feddmf_coordinator.server import rules, serve
from feddmf_coordinator.server.federation import FederationService
from feddmf_coordinator.server.rules import RULES, Caller, check_rules
from feddmf_coordinator.store.runs import RunState
from support.authority import make_federation

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["Federation"].methods]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_the_wire_has_a_rule_and_is_served(method: str) -> None:
    """The descriptor of the service is walked: nothing is reachable that nobody has thought about."""
    rule = RULES[method]
    assert getattr(FederationService, method) is not getattr(FederationServicer, method)
    assert bool(rule.states) == (rule.caller in {Caller.MEMBER, Caller.JOINED})


def test_a_method_without_a_rule_is_a_defect() -> None:
    """And so is a rule without a method; each is named."""
    check_rules()
    without = {name: rule for name, rule in RULES.items() if name != "Exchange"}
    with pytest.raises(FedDMFError, match=r"differ: Exchange$"):
        check_rules(without)
    with pytest.raises(FedDMFError, match=r"differ: Rename$"):
        check_rules({**RULES, "Rename": RULES["Hello"]})


def test_a_server_with_a_method_without_a_rule_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it opens any port."""
    federation = make_federation(tmp_path, ())
    less = {name: rule for name, rule in RULES.items() if name != "Publish"}
    monkeypatch.setattr(serve, "check_rules", lambda: rules.check_rules(less))
    with pytest.raises(FedDMFError, match="differ: Publish"):
        asyncio.run(serve.serve(federation.folder, asyncio.Event()))


def test_what_moves_vectors_is_for_those_who_have_joined_in_a_run_under_way() -> None:
    """Nothing is taken in for a run that was submitted, failed or stopped, and nothing read of it."""
    over = {RunState.SUBMITTED, RunState.FAILED, RunState.STOPPED}
    for method in ("Exchange", "Publish", "GetPublication"):
        assert not RULES[method].states & over
    for method in ("Exchange", "Publish"):
        assert RULES[method].caller is Caller.JOINED
