"""The party's half of each protocol: it sees private data and says what would be released."""
