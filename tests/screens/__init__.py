"""Tests of the ticket screens."""
