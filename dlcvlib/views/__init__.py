"""Figures of the book: they read run records and arrays, never a model or a data set."""
