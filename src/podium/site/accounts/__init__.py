"""People: users, sign-up, log-in."""
