"""The Django project: settings, addresses, and one app for each subject."""

from importlib.metadata import version

__version__ = version("podium")
