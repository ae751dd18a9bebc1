"""Hypothesis without its deadline: how long an example takes says how busy the machine is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("b2ct", deadline=None)
settings.load_profile("b2ct")
