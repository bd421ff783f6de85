"""Self-supervised learning: BYOL, DINO, their schedules and monitors."""
