"""The addresses of the ticket screens. Each view asks `desk` and shows the answer; no rule lives here."""
