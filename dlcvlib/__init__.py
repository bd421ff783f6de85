"""The library of an executable course book in computer vision; each room says in its first line what it holds."""
