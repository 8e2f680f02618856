"""Use cases of forums: opening, posting, following, keeping order, and telling by mail."""
