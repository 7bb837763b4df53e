// A sparse matrix of blocks, one for a cell and what it meets of a density, for second derivatives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sdot::diagram {

// Block b belongs to cells[b] and columns[b], and has rows for 1, x - centre.x and y - centre.y, of
// as many entries as there are parameters in a column; all blocks one after the other.
struct CellBlocks {
    std::vector<std::int64_t> cells, columns;
    std::vector<double> entries;

    // Makes a block of zeros and returns it.
    double* add(std::size_t cell, std::size_t column, std::size_t size) {
        cells.push_back(static_cast<std::int64_t>(cell));
        columns.push_back(static_cast<std::int64_t>(column));
        entries.resize(entries.size() + size, 0.0);
        return entries.data() + (entries.size() - size);
    }

    void append(const CellBlocks& other) {
        cells.insert(cells.end(), other.cells.begin(), other.cells.end());
        columns.insert(columns.end(), other.columns.begin(), other.columns.end());
        entries.insert(entries.end(), other.entries.begin(), other.entries.end());
    }
};

}  // namespace sdot::diagram
