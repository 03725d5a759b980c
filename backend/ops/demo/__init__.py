"""Demo data: an invented chain with cinemas, halls, films, a programme and staff."""
