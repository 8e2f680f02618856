"""Whole competitions in one file: written for their organizers, restored by administrators on any server."""
