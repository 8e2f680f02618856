"""Submissions, runs and attempts: from upload to verdict."""
