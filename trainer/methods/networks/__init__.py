"""What the methods compute, with torch; what they declare is a folder above, without."""
