"""Tests of the programme app."""
