"""Files on disk; only `arrays` needs more than the standard library.

- `atomic`: files and folders that appear whole or not at all; locks; a full disk.
- `digests`: digests of the files of a folder, kept in `.digests.json`.
- `outputs`: files written where the user says, never over a file of the user's.
- `generated`: files that `make` generates, and `make clean` removes.
- `arrays`: arrays cached as `.npz`.
- `damage`: the error for a damaged file of a run record.
"""
