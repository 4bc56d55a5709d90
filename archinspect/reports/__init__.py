"""What commands print and the API returns: plain data."""
