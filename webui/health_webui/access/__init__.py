"""Who may see the page."""
