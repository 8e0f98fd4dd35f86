"""The deployment: linters pass, metrics exist, and every path and command that its page names is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from feddmf.cli.main import COMMANDS, run
from feddmf.telemetry.metrics import SCRAPE_FAILURES
from feddmf_coordinator.settings import CoordinatorSettings
from feddmf_coordinator.telemetry.metrics import METRICS as COORDINATOR
from feddmf_party.policy import Policy
from feddmf_party.settings import PartySettings
from feddmf_party.telemetry.metrics import METRICS as PARTY
from numbering import coming, image_tags
from support.pages import ROOT, shell_blocks

DEPLOY = ROOT / "examples" / "deploy"
PAGE = DEPLOY / "README.md"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
DASHBOARD = json.loads((DEPLOY / "grafana" / "feddmf.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
EXPORTED = {name for metric in (*COORDINATOR, *PARTY, SCRAPE_FAILURES) for name in metric.series}


def lint(command: str, *arguments: object) -> None:
    """Run a linter that is installed beside this interpreter; it must find nothing."""
    words = [str(Path(sys.executable).parent / command), *map(str, arguments)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def pods() -> Iterator[dict[str, Any]]:
    """Yield the pod specifications of all manifests."""
    for path in MANIFESTS:
        for each in documents(path):
            if each["kind"] == "StatefulSet":
                yield each["spec"]["template"]["spec"]


def test_yaml_is_tidy() -> None:
    """By yamllint, every file of the deployment."""
    lint("yamllint", "--strict", "--config-file", DEPLOY / ".yamllint.yaml", DEPLOY)


def test_compose_file_follows_the_specification() -> None:
    """By its own schema."""
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "docker-compose.yml")


def test_manifests_are_what_kubernetes_takes() -> None:
    """By the schemas of Kubernetes, no field too many."""
    assert len(MANIFESTS) == 3
    lint("kubernetes-validate", "--strict", "--quiet", *MANIFESTS)


def expressions() -> list[str]:
    """Return the queries of the dashboard and of the alert rules."""
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    choices = [each["definition"] for each in DASHBOARD["templating"]["list"] if "definition" in each]
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return [*targets, *choices, *rules]


def test_every_metric_that_is_asked_for_is_exported() -> None:
    """By the code, under that very name; and its labels are those that it has."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    process = {sample.name for family in registry.collect() for sample in family.samples}
    asked = {name for each in expressions() for name in re.findall(r"\b(?:feddmf|process)_\w+", each)}
    assert len(asked) > 25
    assert asked <= EXPORTED | process


def test_every_label_that_is_asked_for_is_one_of_the_metric() -> None:
    """In selectors and in what a query is summed by."""
    labels = {name: {*metric.labels} for metric in COORDINATOR for name in metric.series}
    labels |= {name: {*metric.labels, "party"} for metric in PARTY for name in metric.series}
    for each in expressions():
        names = [name for name in re.findall(r"\bfeddmf_\w+", each) if name in labels]
        for name, selected in re.findall(r"\b(feddmf_\w+)\{([^}]*)\}", each):
            assert set(re.findall(r"(\w+)=", selected)) <= labels.get(name, set()), each
        for by in re.findall(r"by \(([^)]*)\)", each):
            wanted = {word.strip() for word in by.split(",")} - {"le"}
            assert all(wanted <= labels[name] for name in names), each


def test_every_metric_is_looked_at_somewhere() -> None:
    """On the dashboard or by an alert, but for what only tells versions and the rest of a histogram."""
    unseen = {metric.name for metric in (*COORDINATOR, *PARTY)} - set(
        re.findall(r"feddmf_\w+?(?=_bucket|_sum|_count|\b)", " ".join(expressions()))
    )
    assert unseen <= {
        "feddmf_coordinator_info",
        "feddmf_party_info",
        "feddmf_party_ledger_records",
        "feddmf_party_privacy_spent_epsilon",
        "feddmf_party_rounds_total",
    }


def test_panels_do_not_overlap() -> None:
    """Each has its place on the grid of 24 columns, and an id of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


CONTAINERS = [each for pod in pods() for each in pod["initContainers"] + pod["containers"]]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each["name"])
def test_containers_have_no_rights(container: dict[str, Any]) -> None:
    """Not root, no capability, a root file system that is read alone, memory within bounds."""
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


def test_pods_run_as_the_user_of_the_image() -> None:
    """By number, so that a cluster can tell that it is not root; and no pod may talk to the cluster."""
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        user = pod["securityContext"]["runAsUser"]
        assert dockerfile.count(f"USER {user}:{user}") == 2


def test_only_the_container_that_founds_knows_the_passphrase() -> None:
    """The one that serves has no secret of the authority."""
    coordinator = next(pods())
    assert "FEDDMF_CA_PASSPHRASE" in json.dumps(coordinator["initContainers"])
    assert "secret" not in json.dumps(coordinator["containers"]).lower()


def test_what_is_not_named_is_not_let_in() -> None:
    """Each side has a policy for both directions; figures are for the monitoring namespace."""
    policies = [each for path in MANIFESTS for each in documents(path) if each["kind"] == "NetworkPolicy"]
    assert len(policies) == 2
    for policy in policies:
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        rules = [rule for rule in policy["spec"]["ingress"] if {"port": "metrics"} in rule["ports"]]
        assert [rule["from"][0]["namespaceSelector"]["matchLabels"] for rule in rules] == [
            {"kubernetes.io/metadata.name": "monitoring"}
        ]


def settings_files() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each settings file of the deployment."""
    for path in sorted((DEPLOY / "settings").glob("*.toml")):
        yield path.name, path.read_text()
    for path in MANIFESTS:
        for each in documents(path):
            if each["kind"] == "ConfigMap":
                yield from each["data"].items()


@pytest.mark.parametrize(("name", "text"), list(settings_files()))
def test_settings_are_those_of_the_code(name: str, text: str) -> None:
    """They load, show figures on the port that is scraped and probed, and log JSON."""
    models = {"coordinator.toml": CoordinatorSettings, "party.toml": PartySettings, "policy.toml": Policy}
    settings = models[name].model_validate(tomllib.loads(text))
    if not isinstance(settings, Policy):
        assert (settings.metrics.port, settings.logging.format) == (9470, "json")


def test_the_image_is_made_of_what_is_there() -> None:
    """Files that are copied exist; torch comes before the rest, which is held to its hashes."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") and "--from" not in line
              for word in line.split()[1:-1]]  # fmt: skip
    assert copied
    assert all((ROOT / word).exists() for word in copied)
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text()
    assert all(f"!{word.rstrip('/')}\n" in kept for word in copied)
    text = "\n".join(lines)
    for name in re.findall(r"requirements/[\w.-]+txt", text):
        assert (ROOT / name).is_file()
    assert text.index("requirements/torch.txt") < text.index("requirements/image-party.txt")
    installs = re.findall(r"pip install (--\S+)", text)
    assert installs == ["--require-hashes", "--no-deps", "--no-deps", "--require-hashes", "--no-deps"]


def test_images_bear_the_number_of_the_release() -> None:
    """Wherever one is named, and what runs in it says the same; between releases it is the coming one's."""
    assert image_tags() == {coming()}
    pretended = "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_FEDDMF=${VERSION}"
    assert (DEPLOY / "Dockerfile").read_text().count(pretended) == 1


def test_mounted_files_exist() -> None:
    """Whatever the compose file takes from the checkout."""
    services = documents(DEPLOY / "docker-compose.yml")[0]["services"]
    mounted = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    files = {each for each in mounted if each.startswith("./")}
    assert len(files) > 5
    assert all((DEPLOY / each).is_file() for each in files)


def test_paths_of_the_page_exist() -> None:
    """Links and files that commands read."""
    text = PAGE.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(links) > 8
    assert [link for link in links if not (DEPLOY / link).exists()] == []
    assert [path for path in re.findall(r"examples/[\w./-]+", text) if not (ROOT / path).exists()] == []


def commands() -> list[str]:
    """Return every `feddmf ...` of the page, the compose file, the manifests and the alerts."""
    shell = "\n".join(shell_blocks(PAGE))
    services = "coordinator|north|south|[$]shop"
    found = re.findall(
        rf"docker compose run --rm (?:-T )?(?:{services}) ((?:coordinator|party|catalog|attributes) .*)",
        shell,
    )
    found += re.findall(r"\bfeddmf ((?:\w+) .*)", shell)
    found += re.findall(r"`feddmf ([^`]*)`", PAGE.read_text())
    found += [" ".join(c["args"]) for pod in pods() for c in pod["containers"]]
    scripts = [c["args"][0].replace("\\\n", " ") for pod in pods() for c in pod["initContainers"]]
    found += [line for script in scripts for line in re.findall(r"\bfeddmf (.*)", script)]
    actions = [rule["annotations"]["action"] for group in ALERTS["groups"] for rule in group["rules"]]
    return found + [
        words for action in actions for words in re.findall(r"feddmf ([a-z -]*[a-zA-Z-]+)", action)
    ]


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Noun, verb and options are those of the command line."""
    words = shlex.split(re.split(r"[|<>&;]|' ", command)[0].replace("'", ""))
    assert words[0] in COMMANDS
    path = [word for word in words[:2] if not word.startswith("-") and word.islower()]
    assert run([*path, "--help"]) == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert [word for word in words if word.startswith("--") and word not in shown] == []


def test_no_registry_is_named() -> None:
    """Where images and packages come from is the operator's to say."""
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert not re.search(r"pypi|docker\.io|ghcr|quay|pytorch\.org", path.read_text()), path


def test_settings_are_founded_with_and_left_alone_from_then_on(tmp_path: Path) -> None:
    """Those that a restored folder has name its own database; a founding that was cut is made good."""
    (script,) = next(pods())["initContainers"][0]["args"]
    home, given, tools = (tmp_path / name for name in ("data", "settings", "bin"))
    for folder in (home, given, tools):
        folder.mkdir()
    (given / "coordinator.toml").write_text("given")
    command = tools / "feddmf"
    command.write_text(f"#!/bin/sh\nset -e\ntouch {home}/root.pem\nprintf init > {home}/coordinator.toml\n")
    command.chmod(0o700)

    def started() -> str:
        words = script.replace("/data", str(home)).replace("/etc/feddmf", str(given))
        path = {"PATH": f"{tools}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-ceu", words], env=path, check=True, timeout=60)
        return (home / "coordinator.toml").read_text()

    assert started() == "given"
    (home / "coordinator.toml").write_text("restored")
    assert started() == "restored"
    (home / "founding").touch()
    assert started() == "given"


def test_a_database_that_is_away_has_no_pod_started_again() -> None:
    """Only traffic depends on what the process needs; whether it is started again, on the process alone."""
    for pod in pods():
        for each in pod["containers"]:
            probes = {kind: each[kind]["httpGet"]["path"] for kind in each if kind.endswith("Probe")}
            assert probes == {
                "startupProbe": "/healthz",
                "readinessProbe": "/readyz",
                "livenessProbe": "/healthz",
            }
