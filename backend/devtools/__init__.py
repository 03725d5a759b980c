"""What development and tests need and no production image carries."""
