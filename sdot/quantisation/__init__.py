# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites that are best for a density: energies of quantisation, and how they are minimised."""
