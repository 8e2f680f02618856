"""The Django project: settings, addresses, and one app for each subject."""
