"""Helpers that several tests share."""

from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Checks jaxtyping's shapes in all tests; an int may stand for a float."""
