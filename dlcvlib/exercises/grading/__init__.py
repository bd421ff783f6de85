"""Grading of a class: every answer in a process of its own, a table of points, a page of misconceptions.

It is **no sandbox**. Answers are found by the name of the function, and only what they use is executed, each in a
forked process with limits on time, memory, file size and, where the system allows it, without network. An answer that
means harm may still find a way: grade people whom you do not trust in a container (`page.CONTAINER`).
"""
