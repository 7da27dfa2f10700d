"""What a browser is shown, drawn from the catalogue and the state."""
