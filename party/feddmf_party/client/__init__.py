"""The party's calls to the coordinator; importing the wire here, before any gRPC, holds them to TLS 1.3."""

import feddmf.wire  # noqa: F401
