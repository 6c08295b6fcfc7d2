"""Small pictures of a run, drawn with Pillow in milliseconds.

A search makes them for every finished trial. Matplotlib takes ten times as long, which is too much
beside a short trial, and it is optional.
"""
