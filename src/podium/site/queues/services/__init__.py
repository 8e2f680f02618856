"""Changes of queues.

What is in `lifecycle` (making, sharing and deleting queues) moves runs and competitions as well, so it is imported
from there; the rest stands below them.
"""

from podium.site.queues.services.defaults import default_queue, ensure_default_queue
from podium.site.queues.services.tokens import create_token, revoke_token, rotate_token, token_of
from podium.site.queues.services.workers import drain, introduce, undrain

__all__ = [
    "create_token",
    "default_queue",
    "drain",
    "ensure_default_queue",
    "introduce",
    "revoke_token",
    "rotate_token",
    "token_of",
    "undrain",
]
