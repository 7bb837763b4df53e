# SPDX-License-Identifier: GPL-3.0-or-later
"""What sdot has for PyTorch alone; imports PyTorch, which ``import sdot`` does not."""

from sdot.adapters.torch_loss import W2Loss

__all__ = ["W2Loss"]
