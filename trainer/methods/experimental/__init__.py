"""Methods that no paper describes; their names begin with ``experimental/``."""
