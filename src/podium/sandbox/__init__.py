"""How one untrusted command runs: one contract and its backends."""
