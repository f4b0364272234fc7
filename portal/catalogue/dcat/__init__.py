"""HealthDCAT-AP: datasets as graphs that other catalogues read, and the way back."""
