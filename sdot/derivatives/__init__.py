# SPDX-License-Identifier: GPL-3.0-or-later
"""Derivatives of the transport cost and of plans: the mathematics, once, in NumPy.

A distribution's arrays in order, ``(*diracs.arrays, *density.arrays)``, are what everything here is
differentiated with respect to: tangents and gradients are sequences of arrays of their shapes.
"""

from sdot.derivatives.first_order import gradients, position_gradient, weight_gradient
from sdot.derivatives.linearisation import Linearisation, refuse_second_order_of_a_part
from sdot.derivatives.plan_outputs import PlanOutputs, pull_back, push_forward
from sdot.derivatives.second_order import hessian_operator, hessian_product

__all__ = [
    "Linearisation",
    "PlanOutputs",
    "gradients",
    "hessian_operator",
    "hessian_product",
    "position_gradient",
    "pull_back",
    "push_forward",
    "refuse_second_order_of_a_part",
    "weight_gradient",
]
