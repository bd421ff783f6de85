"""Archives of the course's data on Google Drive."""

from __future__ import annotations

DRIVE_IDS = {
    2022: "1LMIaOY8NSKWmGtbvTsjXcHVaYKnNN_9u",
    2023: "1owVOM3V94bC8v2N8s7n56ciVzVbSzYtd",
    2024: "1x77fyA9BONMHnQXhvxP-87hFTCFwGm9a",
    2025: "1yt4CP2msqY2HSYCy67mQrWUtTPQRgcBF",
}
"""Public archive of each edition that has one."""
