"""The version of the wire: both ends have the same, or they refuse each other and say which to upgrade."""

__all__ = ["PROTOCOL_VERSION"]

PROTOCOL_VERSION = 2
