"""Parameters as one flat leaf, layers written out, interpolation, precision."""
