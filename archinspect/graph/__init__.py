"""Networks as graphs."""
