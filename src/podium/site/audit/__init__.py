"""The history of what organizers and administrators changed: who, what, when, from where, before and after."""
