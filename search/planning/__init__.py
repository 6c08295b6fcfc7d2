"""What a launch would do and cost, before it does it."""
