"""Home, news and the shared look of every page."""
