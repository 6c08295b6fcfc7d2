"""The networks of the methods, which need torch; the declarations in the parent folder do not."""
