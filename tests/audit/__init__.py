"""The auditor: asks the served product random questions and recomputes each answer from raw rows.

It shares no code with the product: questions go over HTTP, and answers are recomputed row by row in plain
Python.
"""
