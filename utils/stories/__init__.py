"""What the book says: frames to draw, titles and sentences made from the numbers.

A story loads the embedded tables, asks a theme for measures and a chart for a picture,
and writes the message in French. Chapters and notebooks only call it and add prose.
"""
