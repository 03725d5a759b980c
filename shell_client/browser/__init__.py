"""The web view with the ticket screens, kept on one origin, and the native pages that cover for it."""
