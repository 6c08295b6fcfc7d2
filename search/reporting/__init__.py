"""Show studies: one module reads the database, the others print.

:mod:`search.reporting.reading` returns a :class:`~search.reporting.study_view.StudyView`, which
is plain data. The printers for terminal, JSON and Markdown take it and never query the database.
"""
