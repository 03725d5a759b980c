"""Tests of the venues app."""
