"""Tests of script/package."""
