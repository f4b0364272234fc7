"""Data access: applications for datasets of others, and the permits that come of them."""
