"""The ticket screens: what a person at a till sees and presses."""
