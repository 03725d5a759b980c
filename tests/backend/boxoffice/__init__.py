"""Tests of the box office."""
