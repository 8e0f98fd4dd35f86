from __future__ import annotations

import os
import subprocess
import sys

from feddmf.wire import CIPHER_SUITES


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "GRPC_SSL_CIPHER_SUITES"}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=False
    )


def test_importing_the_wire_overrides_a_weaker_list() -> None:
    """A list that was set outside does not survive the import."""
    code = "import os, feddmf.wire; print(os.environ['GRPC_SSL_CIPHER_SUITES'])"
    done = _run(code, GRPC_SSL_CIPHER_SUITES="ECDHE-ECDSA-AES128-GCM-SHA256")
    assert done.stdout.strip() == CIPHER_SUITES


def test_a_grpc_that_came_first_stops_the_import() -> None:
    """Where gRPC has read another list already, the import fails instead of speaking TLS 1.2."""
    done = _run("import grpc, feddmf.wire")
    assert done.returncode == 1
    assert "import feddmf.wire first" in done.stderr


def test_a_grpc_that_came_first_under_our_list_is_fine() -> None:
    """A child process that inherits our list may import gRPC in any order."""
    done = _run("import grpc, feddmf.wire", GRPC_SSL_CIPHER_SUITES=CIPHER_SUITES)
    assert done.returncode == 0


def test_the_list_names_rsa_suites_alone() -> None:
    """No suite in the list can be used with an EC key, which is what turns TLS 1.2 off."""
    assert all(suite.startswith("ECDHE-RSA-") for suite in CIPHER_SUITES.split(":"))
