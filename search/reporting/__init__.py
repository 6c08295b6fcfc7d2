"""What is shown of studies: read from the database in one place, printed in several.

:mod:`search.reporting.reading` makes a :class:`~search.reporting.study_view.StudyView`, plain
data; terminal, JSON and Markdown are printers of it. Nothing that prints asks the database.
"""
