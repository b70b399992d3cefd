"""Exports: the lease (one at a time), the stream, the files, and their pages."""
