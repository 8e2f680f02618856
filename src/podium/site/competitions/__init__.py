"""Competitions, their phases, pages, participants and the upload of bundles."""
