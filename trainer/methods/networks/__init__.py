"""The methods' networks, with torch; their declarations, one folder above, need none."""
