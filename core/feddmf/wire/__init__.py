"""The wire: generated messages and services; importing this first makes gRPC speak TLS 1.3 alone.

Python gRPC has no setting for the least TLS version. It reads a list of TLS 1.2 suites from
GRPC_SSL_CIPHER_SUITES, once, when it first starts. Every suite named here needs an RSA certificate;
our keys are all EC, so a handshake under 1.2 finds no suite and fails. The suites of TLS 1.3 are not
subject to that list (RFC 8446, appendix B.4), so 1.3 works.
"""

import os
import sys

__all__ = ["CIPHER_SUITES"]

CIPHER_SUITES = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
_VARIABLE = "GRPC_SSL_CIPHER_SUITES"

# A grpc that was imported earlier may have read another list already, and would then speak TLS 1.2
# without a word. That must stop the process: the environment is the only lever, and it is too late.
if "grpc" in sys.modules and os.environ.get(_VARIABLE) != CIPHER_SUITES:
    raise RuntimeError(
        "grpc was imported before feddmf.wire, so TLS 1.3 cannot be enforced in this process; "
        "import feddmf.wire first"
    )
os.environ[_VARIABLE] = CIPHER_SUITES
