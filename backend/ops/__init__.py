"""What operations need: commands, health, demo data."""
