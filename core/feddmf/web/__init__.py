"""What both sides serve over HTTP with: the gate, doors, sign-in, pages; needs the extra `web`."""
