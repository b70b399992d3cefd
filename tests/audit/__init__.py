"""The auditor: it sends random queries to the served product and computes each answer again from raw rows.

It shares no code with the product: queries use HTTP, and answers are computed row by row in plain Python.
"""
