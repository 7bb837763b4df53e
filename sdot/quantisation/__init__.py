"""Sites that are best for a density: energies of quantisation, and how they are minimised."""
