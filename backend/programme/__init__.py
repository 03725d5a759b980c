"""Films, showtimes and prices."""
