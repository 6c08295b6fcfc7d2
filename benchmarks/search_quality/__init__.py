"""How good searches and label-free criteria are, measured on recorded runs."""
