"""What ledgers prove, from files alone: chains, signatures, countersignatures, both sides' accounts."""
