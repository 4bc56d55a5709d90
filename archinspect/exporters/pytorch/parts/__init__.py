"""Definitions that exported programs take along where they need them: their text is copied, nothing here is imported.

Each stands for itself: a program holds those that its layers name, and those that these name.
"""
