"""Every shape of bundle that is known to occur, oddities included: each works, or is refused precisely."""

from __future__ import annotations

from typing import Final

from . import autowsl, codabench, codalab, developers, own_tests
from .building import Shape

SHAPES: Final[dict[str, Shape]] = {
    **codabench.SHAPES,
    **autowsl.SHAPES,
    **own_tests.SHAPES,
    **codalab.SHAPES,
    **developers.SHAPES,
}
