"""Buckets: stores of objects that are reached over the network. Nothing here needs Django.

`opened(url)` gives a `Store`, which can do what keeping files needs and no more. The makers' own libraries stand behind
it, each loaded only where an address asks for it.
"""

from podium.site.buckets.address import Address, BadAddress
from podium.site.buckets.opening import opened
from podium.site.buckets.store import Entry, StorageAway, Store

__all__ = ["Address", "BadAddress", "Entry", "StorageAway", "Store", "opened"]
