"""The server of the movie ticket management system."""
