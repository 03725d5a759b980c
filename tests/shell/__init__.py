"""Tests of the desktop shell: its client against a real local server, its windows under a real display."""
