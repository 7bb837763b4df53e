# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Discs that cut cells, as several extension modules share them."""

from libc.stdint cimport uint8_t

from cgal_wrap.diagram.diagrams cimport GaussRule, GaussRules, gauss_rule_of

cdef extern from "diagram/discs.hpp" namespace "sdot::diagram" nogil:
    cdef struct Discs:
        const double* centres
        const double* squared_radii
        const uint8_t* is_cut

    cdef struct DiscMassArrays:
        double* masses
        double* edge_weights
        double* arc_weights

cdef extern from "base/caps.hpp" namespace "sdot" nogil:
    cdef struct CutRules:
        GaussRule inner
        GaussRules outer
        int count


cdef inline CutRules cut_rules_of(tuple rules) except *:
    """``rules``: those of gauss_rules.cut_rules. It must outlive the result."""
    cdef const double[::1] nodes, weights
    cdef CutRules result
    (inner_nodes, inner_weights), (nodes, weights), result.count = rules
    result.inner = gauss_rule_of(inner_nodes, inner_weights)
    result.outer = GaussRules(&nodes[0], &weights[0])
    return result


cdef inline Discs discs_of(tuple discs) except *:
    """``discs``: centres (n, 2), squared radii (n,) and flags of the cells that they cut (n,), as
    cell_polygons.cells_near_discs makes them. It must outlive the result."""
    cdef const double[:, ::1] centres
    cdef const double[::1] squared_radii
    cdef const uint8_t[::1] is_cut
    centres, squared_radii, is_cut = discs
    if not (centres.shape[0] == squared_radii.shape[0] == is_cut.shape[0] > 0):
        raise ValueError("discs must have a centre, a squared radius and a flag each")
    return Discs(&centres[0, 0], &squared_radii[0], &is_cut[0])


cdef inline DiscMassArrays disc_mass_arrays(
    double[::1] masses, double[::1] edge_weights, double[::1] arc_weights
) noexcept:
    cdef DiscMassArrays arrays
    arrays.masses = &masses[0] if masses.shape[0] else NULL
    arrays.edge_weights = &edge_weights[0] if edge_weights.shape[0] else NULL
    arrays.arc_weights = &arc_weights[0] if arc_weights.shape[0] else NULL
    return arrays
