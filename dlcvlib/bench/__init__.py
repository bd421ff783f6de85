"""Benchmarks of our training: against other ways to train, over the size of the set, and projected to the book."""
