"""What our training costs: one table against other ways to train, cost over size, and a profile's time projected."""
